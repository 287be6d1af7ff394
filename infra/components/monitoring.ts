/**
 * Monitoring that pages: the one list of alerts as rules of Prometheus and alarms of CloudWatch, a dashboard for each, and
 * a topic that reaches on-call. Prometheus says which connection; CloudWatch still pages when the cluster is gone.
 */
import { Dashboard } from '@pulumi/aws/cloudwatch/dashboard.js';
import { LogGroup } from '@pulumi/aws/cloudwatch/logGroup.js';
import { MetricAlarm } from '@pulumi/aws/cloudwatch/metricAlarm.js';
import { Topic } from '@pulumi/aws/sns/topic.js';
import { TopicSubscription } from '@pulumi/aws/sns/topicSubscription.js';
import { CustomResource as KubernetesObject } from '@pulumi/kubernetes/apiextensions/customResource.js';
import { ConfigMap } from '@pulumi/kubernetes/core/v1/configMap.js';
import pulumi from '@pulumi/pulumi';
import { daysOf, type PlatformConfig } from '../../core/platform-config.ts';
import { alertsFor } from '../monitoring/alerts.ts';
import { alarmOf } from '../monitoring/cloudwatch.ts';
import { cloudwatchDashboard, grafanaDashboard } from '../monitoring/dashboards.ts';
import { prometheusRules } from '../monitoring/promql.ts';

export type MonitoringArgs = {
  readonly deployment: string;
  /** How many gateways there have to be. */
  readonly shards: number;
  readonly region: string;
  readonly namespace: pulumi.Input<string>;
  readonly keyArn: pulumi.Input<string>;
  readonly settings: PlatformConfig['monitoring'];
  /** URL of the folder of runbooks. */
  readonly runbooks: string;
};

export class Monitoring extends pulumi.ComponentResource {
  readonly topicArn: pulumi.Output<string>;

  constructor(name: string, args: MonitoringArgs, options: pulumi.ComponentResourceOptions = {}) {
    super('cutover:platform:Monitoring', name, {}, options);
    const parent = { parent: this };
    const topic = new Topic(name, { name: `${args.deployment}-on-call`, kmsMasterKeyId: args.keyArn }, parent);
    new TopicSubscription(
      name,
      { topic: topic.arn, protocol: 'https', endpoint: args.settings.onCall, endpointAutoConfirms: true },
      parent,
    );
    new LogGroup(
      name,
      {
        name: `/cutover/${args.deployment}`,
        retentionInDays: daysOf(args.settings.logsKept),
        kmsKeyId: args.keyArn,
      },
      parent,
    );
    const dimensions = { deployment: args.deployment };
    for (const alert of alertsFor(args)) {
      new MetricAlarm(
        `${name}-${alert.name}`,
        {
          name: `${args.deployment}-${alert.name}`,
          alarmDescription: `${alert.summary.replaceAll(/ ?\(?\{\{\w+\}\}\)?(: )?/g, '')} ${args.runbooks}/${alert.runbook}`,
          ...alarmOf(alert, dimensions),
          alarmActions: alert.severity === 'page' ? [topic.arn] : [],
          okActions: alert.severity === 'page' ? [topic.arn] : [],
        },
        parent,
      );
    }
    new Dashboard(
      name,
      {
        dashboardName: args.deployment,
        dashboardBody: JSON.stringify(cloudwatchDashboard(args.region, dimensions)),
      },
      parent,
    );
    this.#inCluster(name, args);
    this.topicArn = topic.arn;
    this.registerOutputs({ topicArn: this.topicArn });
  }

  #inCluster(name: string, { namespace, runbooks, deployment, shards }: MonitoringArgs): void {
    const parent = { parent: this };
    new KubernetesObject(
      `${name}-rules`,
      {
        apiVersion: 'monitoring.coreos.com/v1',
        kind: 'PrometheusRule',
        metadata: { name: 'cutover', namespace },
        spec: { ...prometheusRules(alertsFor({ shards }), runbooks) },
      },
      parent,
    );
    // Health and figures need no client certificate, and carry no message content.
    const endpoints = [
      { pod: 'gateway', port: 'admin', scheme: 'https', tlsConfig: { insecureSkipVerify: true }, interval: '15s' },
      { pod: 'worker', port: 'metrics', scheme: 'http', interval: '15s' },
    ];
    for (const { pod, ...endpoint } of endpoints) {
      new KubernetesObject(
        `${name}-${pod}`,
        {
          apiVersion: 'monitoring.coreos.com/v1',
          kind: 'PodMonitor',
          metadata: { name: pod, namespace },
          spec: {
            selector: { matchLabels: { 'app.kubernetes.io/name': pod, 'app.kubernetes.io/part-of': 'cutover' } },
            podMetricsEndpoints: [endpoint],
          },
        },
        parent,
      );
    }
    new ConfigMap(
      `${name}-dashboard`,
      {
        metadata: { name: 'cutover-dashboard', namespace, labels: { grafana_dashboard: '1' } },
        data: { 'cutover.json': JSON.stringify(grafanaDashboard(`Cutover ${deployment}`)) },
      },
      parent,
    );
  }
}
