/** A notice in the form that each kind of receiver wants. */
import type { Notice } from './notice.ts';

const SIGNS: Readonly<Record<Notice['level'], string>> = { good: '✓', bad: '✖', info: '–' };
/** Slack takes 3,000 characters in one block. */
const SLACK_LIMIT = 2_900;

export type Mail = { readonly subject: string; readonly text: string };

/** Blocks for an incoming webhook; `text` is what a phone shows. */
export function toSlack(notice: Notice): object {
  const title = `${SIGNS[notice.level]} ${notice.title}`;
  const facts = notice.facts.map(([term, fact]) => `*${slackText(term)}:* ${slackText(fact)}`).join('\n');
  const blocks = [`*${slackText(title)}*`, facts]
    .filter((text) => text !== '')
    .map((text) => ({ type: 'section', text: { type: 'mrkdwn', text: text.slice(0, SLACK_LIMIT) } }));
  return { text: slackText(title), blocks };
}

/** https://api.slack.com/reference/surfaces/formatting#escaping; without them `<!channel>` would call everyone. */
function slackText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('*', '∗');
}

const TEAMS_COLOURS: Readonly<Record<Notice['level'], string>> = {
  good: 'Good',
  bad: 'Attention',
  info: 'Default',
};

/** An Adaptive Card, as a webhook of the Workflows app takes it. */
export function toTeams(notice: Notice): object {
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [
      {
        type: 'TextBlock',
        size: 'Medium',
        weight: 'Bolder',
        wrap: true,
        color: TEAMS_COLOURS[notice.level],
        text: teamsText(`${SIGNS[notice.level]} ${notice.title}`),
      },
      { type: 'FactSet', facts: notice.facts.map(([title, value]) => ({ title, value: teamsText(value) })) },
    ],
  };
  return {
    type: 'message',
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content }],
  };
}

/** Cards take Markdown; a name is not meant as such. */
function teamsText(text: string): string {
  return text.replace(/[\\`*_[\]<>]/g, '\\$&');
}

export function toMail(notice: Notice): Mail {
  const width = Math.max(0, ...notice.facts.map(([term]) => term.length));
  const lines = notice.facts.map(([term, fact]) => `${`${term}:`.padEnd(width + 2)}${fact}`);
  return {
    subject: `[cutover] ${SIGNS[notice.level]} ${notice.title}`,
    text: `${[notice.title, '', ...lines].join('\n')}\n`,
  };
}
