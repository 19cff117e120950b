/**
 * Metadata as Calico means it. Its v1 CRDs (crd.projectcalico.org/v1) keep labels and annotations of the v3 object, which
 * are the user's, as JSON in an annotation of their own; what kubectl writes to the CRD directly stands beside it.
 */

type PlainObject = { readonly [name: string]: unknown };

const METADATA_ANNOTATION = 'projectcalico.org/metadata';

export function asObject(value: unknown): PlainObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as PlainObject) : {};
}

/**
 * The metadata of a v1 CRD object: labels and annotations of the v3 object over those of the CRD's own. The name stays. An
 * annotation that is not JSON says nothing.
 */
export function overlayMetadata(metadata: PlainObject): PlainObject {
  const annotations = asObject(metadata.annotations);
  const written = annotations[METADATA_ANNOTATION];
  if (typeof written !== 'string') return metadata;
  let meant: PlainObject;
  try {
    meant = asObject(JSON.parse(written));
  } catch {
    meant = {};
  }
  const { [METADATA_ANNOTATION]: _moved, ...others } = annotations;
  return {
    ...metadata,
    labels: { ...asObject(metadata.labels), ...asObject(meant.labels) },
    annotations: { ...others, ...asObject(meant.annotations) },
  };
}

/** The object with its metadata as they are meant; what is no object stays as it is. */
export function withMeantMetadata(input: unknown): unknown {
  const object = asObject(input);
  const metadata = asObject(object.metadata);
  const meant = overlayMetadata(metadata);
  return meant === metadata ? input : { ...object, metadata: meant };
}
