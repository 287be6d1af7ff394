//go:build tools

// Package tools keeps the Kubernetes API server in this module's go.mod and go.sum, so that
// `go build -mod=readonly` builds exactly the pinned source.
package tools

import _ "k8s.io/kubernetes/cmd/kube-apiserver"
