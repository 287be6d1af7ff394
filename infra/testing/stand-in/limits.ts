/** For tests: limits of AWS that its own API would refuse, and that no type declaration tells. */
import type { ShapeProblem } from './check-shape.ts';

type Inputs = Readonly<Record<string, unknown>>;

const NAME_LIMIT = 32;
const WEIGHT_LIMIT = 999;
const POLICY_LIMIT = 10_240;
const DASHBOARD_WIDGETS_LIMIT = 500;

export function checkLimits(type: string, inputs: Inputs): ShapeProblem[] {
  switch (type) {
    case 'aws:lb/loadBalancer:LoadBalancer':
    case 'aws:lb/targetGroup:TargetGroup':
      return [...nameOf(inputs), ...healthCheckOf(inputs)];
    case 'aws:lb/listener:Listener':
      return [...weightsOf(inputs), ...idleOf(inputs)];
    case 'aws:iam/rolePolicy:RolePolicy':
      return String(inputs.policy ?? '').length > POLICY_LIMIT ? [{ property: 'policy', reason: 'is too long' }] : [];
    case 'aws:cloudwatch/dashboard:Dashboard':
      return widgetsOf(inputs);
    default:
      return [];
  }
}

function nameOf({ name }: Inputs): ShapeProblem[] {
  if (typeof name !== 'string') return [];
  return /^[A-Za-z0-9-]+$/.test(name) && name.length <= NAME_LIMIT && !name.startsWith('-') && !name.endsWith('-')
    ? []
    : [{ property: 'name', reason: `'${name}' is not 1 to ${NAME_LIMIT} letters, digits and dashes` }];
}

function healthCheckOf({ healthCheck }: Inputs): ShapeProblem[] {
  const { interval, timeout } = membersOf(healthCheck);
  if (typeof interval !== 'number' || typeof timeout !== 'number' || timeout < interval) return [];
  return [{ property: 'healthCheck.timeout', reason: 'must be shorter than the interval' }];
}

function weightsOf({ defaultActions }: Inputs): ShapeProblem[] {
  const actions = Array.isArray(defaultActions) ? defaultActions : [];
  return actions.flatMap((action: unknown, index) => {
    const groups = membersOf(membersOf(action).forward).targetGroups;
    return (Array.isArray(groups) ? groups : []).flatMap((group: unknown, at) => {
      const { weight } = membersOf(group);
      const property = `defaultActions[${index}].forward.targetGroups[${at}].weight`;
      const isGood = typeof weight === 'number' && Number.isInteger(weight) && weight >= 0 && weight <= WEIGHT_LIMIT;
      return isGood ? [] : [{ property, reason: `is ${String(weight)}, not 0 to ${WEIGHT_LIMIT}` }];
    });
  });
}

function idleOf({ tcpIdleTimeoutSeconds }: Inputs): ShapeProblem[] {
  if (typeof tcpIdleTimeoutSeconds !== 'number') return [];
  const isGood = tcpIdleTimeoutSeconds >= 60 && tcpIdleTimeoutSeconds <= 6000;
  return isGood ? [] : [{ property: 'tcpIdleTimeoutSeconds', reason: 'is not 60 to 6000' }];
}

function widgetsOf({ dashboardBody }: Inputs): ShapeProblem[] {
  if (typeof dashboardBody !== 'string') return [];
  const { widgets }: { widgets?: unknown[] } = JSON.parse(dashboardBody);
  return (widgets ?? []).length <= DASHBOARD_WIDGETS_LIMIT
    ? []
    : [{ property: 'dashboardBody', reason: 'too many widgets' }];
}

function membersOf(value: unknown): Inputs {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
