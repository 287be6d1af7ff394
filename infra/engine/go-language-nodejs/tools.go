//go:build tools

// Package tools keeps Pulumi's Node language host in this module's go.mod and go.sum, so that
// `go build -mod=readonly` builds exactly the pinned source.
package tools

import _ "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs"
