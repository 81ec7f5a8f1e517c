package record

import (
	"context"
	"reflect"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// begin begins the span of a call, within the trace that the caller brings in
// the request's _meta or its HTTP headers (W3C Trace Context). Names follow
// OpenTelemetry's conventions for MCP.
func (r *Recorder) begin(ctx context.Context, e *entry, req mcp.Request) (context.Context, trace.Span) {
	ctx = propagation.TraceContext{}.Extract(ctx, carrier{req})
	name := e.Method
	attributes := []attribute.KeyValue{attribute.String("mcp.method.name", e.Method)}
	if e.Tool != "" {
		name += " " + e.Tool
		attributes = append(attributes, attribute.String("gen_ai.tool.name", e.Tool))
	}
	if e.Resource != "" {
		attributes = append(attributes, attribute.String("mcp.resource.uri", e.Resource))
	}
	return r.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attributes...))
}

func end(span trace.Span, e *entry) {
	if span.IsRecording() {
		outcome := e.Outcome
		if outcome == "" { // it has not come to an end
			outcome = Panicked
		}
		span.SetAttributes(attribute.String("ligase.outcome", outcome), attribute.String("ligase.request_id", e.RequestID))
		if e.RunID != "" {
			span.SetAttributes(attribute.String("ligase.run_id", e.RunID))
		}
		if outcome == Failed || outcome == Panicked {
			span.SetStatus(codes.Error, outcome)
			if e.cause != nil {
				span.RecordError(e.cause)
			}
		}
	}
	span.End()
}

// carrier is where a request has its trace.
type carrier struct{ req mcp.Request }

// Get implements propagation.TextMapCarrier.
func (c carrier) Get(key string) string {
	// Requests and notifications without params have a nil pointer for them.
	if p := c.req.GetParams(); p != nil && !reflect.ValueOf(p).IsNil() {
		if text, is := p.GetMeta()[strings.ToLower(key)].(string); is {
			return text
		}
	}
	if extra := c.req.GetExtra(); extra != nil {
		return extra.Header.Get(key)
	}
	return ""
}

// Set implements propagation.TextMapCarrier; nothing is sent on.
func (carrier) Set(string, string) {}

// Keys implements propagation.TextMapCarrier.
func (carrier) Keys() []string { return nil }

// TraceID is the trace that a call belongs to, in hexadecimal digits; "" for
// none.
func TraceID(ctx context.Context) string {
	if c := trace.SpanContextFromContext(ctx); c.HasTraceID() {
		return c.TraceID().String()
	}
	return ""
}
