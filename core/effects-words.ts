/** What a person writes about the side effects of a connection's channels: said alike by the gate, the plan and `parallel`. */
export const SAY_EFFECTS =
  'write into the inventory, at the connection: `effects: []` where its channels do nothing else, else what they do and how a ' +
  'second time is prevented, as in `effects: [{ kind: mail, handling: gated }]` (gated, fenced or harmless: ' +
  'docs/reference/inventory.md); `defaults: { effects: [] }` says it of all that have none of their own';
