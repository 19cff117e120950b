// Writes deploy/monitoring/alerts.yaml as the PrometheusRule of deploy/components: `node scripts/prometheus-rule.mjs`.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const DEPLOY = fileURLToPath(new URL('../deploy/', import.meta.url));
const rules = readFileSync(`${DEPLOY}monitoring/alerts.yaml`, 'utf8').replace(/^#.*\n/gm, '');
const text = `# Made from deploy/monitoring/alerts.yaml by scripts/prometheus-rule.mjs; change it there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: peregrine
  namespace: kube-system
  labels: { k8s-app: peregrine }
spec:
${rules.replace(/^(?=.)/gm, '  ')}`;
writeFileSync(`${DEPLOY}components/prometheus-rule/prometheus-rule.yaml`, text);
