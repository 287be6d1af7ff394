//go:build tools

// Package tools keeps the Pulumi CLI in this module's go.mod and go.sum, so that
// `go build -mod=readonly` builds exactly the pinned source.
package tools

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
