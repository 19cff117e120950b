/** Routes of whatever list as rows: one for each path. Nothing of the document here. */

import type { AttributesView, PathView, RouteView, View } from './api.ts';

export interface Row {
  readonly key: string;
  readonly prefix: string;
  readonly source: string;
  readonly mark: string;
  readonly markKind: 'up' | 'trying' | 'idle';
  readonly reason: string | null;
  readonly attributes: AttributesView;
}

type Told = View<'Advertised'> | View<'Received'> | View<'Accepted'>;

export function pathOf(
  path: Pick<PathView, 'best' | 'multipath' | 'stale' | 'eligible'>,
): Pick<Row, 'mark' | 'markKind'> {
  if (!path.eligible) return { mark: 'not eligible', markKind: 'idle' };
  const stale = path.stale ? ', stale' : '';
  if (path.best) return { mark: `best${stale}`, markKind: 'up' };
  if (path.multipath) return { mark: `multipath${stale}`, markKind: 'up' };
  return { mark: path.stale ? 'stale' : 'not best', markKind: 'trying' };
}

/** `table` is empty for the Loc-RIB; `peer` is the one whose table it is. */
export function rowsOf(items: readonly (RouteView | Told)[], table: string, peer: string): Row[] {
  const rows: Row[] = [];
  for (const item of items) {
    if ('paths' in item) {
      for (const path of item.paths) {
        const { source, reason, attributes, pathId } = path;
        rows.push({
          key: `${item.prefix} ${source} ${pathId} ${rows.length}`,
          prefix: item.prefix,
          source,
          reason,
          attributes,
          ...pathOf(path),
        });
      }
      continue;
    }
    const { prefix, pathId, attributes } = item;
    const source = 'source' in item ? item.source : peer;
    const reason = 'reason' in item ? item.reason : null;
    rows.push({
      key: `${prefix} ${source} ${pathId} ${rows.length}`,
      prefix,
      source,
      reason,
      attributes,
      ...markOf(item, table),
    });
  }
  return rows;
}

function markOf(item: Told, table: string): Pick<Row, 'mark' | 'markKind'> {
  if ('best' in item) return pathOf({ ...item, eligible: true });
  if ('eligible' in item)
    return item.eligible ? { mark: 'eligible', markKind: 'up' } : { mark: 'not eligible', markKind: 'idle' };
  return { mark: table === 'advertised' ? 'told' : '', markKind: 'up' };
}
