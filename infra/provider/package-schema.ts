/** The package schema of `cutover`, made from the schemas that the provider itself checks with. */
import { z } from 'zod';
import { GATEWAY_TYPE, gatewayInputsSchema } from './gateway-resource.ts';
import { ROUTE_TYPE, routeInputsSchema, routeOutputsSchema } from './route-properties.ts';

export const PACKAGE_NAME = 'cutover';
export const PACKAGE_VERSION = '0.1.0';

type Property = { readonly type: string; readonly description?: string; readonly [key: string]: unknown };

export function packageSchema(): string {
  const route = { inputs: propertiesOf(routeInputsSchema), outputs: propertiesOf(routeOutputsSchema) };
  const gateway = propertiesOf(gatewayInputsSchema);
  const text = { type: 'string' };
  const count = { type: 'integer' };
  const verified = { incarnation: text, version: text, verifiedFeeds: count, verifiedLegs: count };
  return JSON.stringify({
    name: PACKAGE_NAME,
    version: PACKAGE_VERSION,
    description: 'Routes of HL7 connections at Cutover gateways',
    resources: {
      [ROUTE_TYPE]: {
        description: 'The route of one connection, as its gateway has it',
        inputProperties: route.inputs.properties,
        requiredInputs: route.inputs.required,
        properties: route.outputs.properties,
        required: route.outputs.required,
      },
      [GATEWAY_TYPE]: {
        description: 'A gateway whose identity, version and ports are verified',
        inputProperties: gateway.properties,
        requiredInputs: gateway.required,
        properties: { ...gateway.properties, ...verified },
        required: [...gateway.required, ...Object.keys(verified)],
      },
    },
  });
}

/** Pulumi's schema knows plain types only: enums and patterns stay with the provider's own check. */
function propertiesOf(schema: z.ZodType): { properties: Record<string, Property>; required: string[] } {
  const document = z.object({ properties: z.record(z.string(), z.looseObject({})), required: z.array(z.string()) });
  const { properties, required } = document.parse(z.toJSONSchema(schema, { io: 'input' }));
  return {
    properties: Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, propertyOf(value)])),
    required,
  };
}

function propertyOf({ type, description, items }: Record<string, unknown>): Property {
  const described = typeof description === 'string' ? { description } : {};
  if (type === 'array') return { type, items: items ?? { $ref: 'pulumi.json#/Any' }, ...described };
  if (type === 'object') return { type, additionalProperties: { $ref: 'pulumi.json#/Any' }, ...described };
  return { type: typeof type === 'string' ? type : 'string', ...described };
}
