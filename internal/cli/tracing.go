package cli

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/ligase-bio/ligase/internal/problem"
)

// tracer sends spans to where OpenTelemetry's own variables say
// (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT and those
// beside them, over HTTP); nil when they say nowhere. stop sends what is left.
func (a *app) tracer(ctx context.Context) (_ trace.Tracer, stop func() error, err error) {
	if a.Env("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && a.Env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" || a.Env("OTEL_SDK_DISABLED") == "true" {
		return nil, func() error { return nil }, nil
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: traces cannot be sent: %w", problem.ErrUnavailable, err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithHost(),
		resource.WithAttributes(semconv.ServiceName("ligase"), semconv.ServiceVersion(version)), resource.WithFromEnv())
	if err != nil {
		return nil, nil, fmt.Errorf("what traces say of this process: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return provider.Tracer("github.com/ligase-bio/ligase"), func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		return provider.Shutdown(ctx)
	}, nil
}
