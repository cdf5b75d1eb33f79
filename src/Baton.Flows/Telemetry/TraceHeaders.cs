using System.Diagnostics;
using System.Text.Json;
using Baton.Jq;
using Google.Protobuf;
using Temporalio.Api.Common.V1;

namespace Baton.Flows.Telemetry;

/// <summary>
/// Trace contexts in headers of durable execution, in the form that the official SDKs' tracing interceptors share: the
/// header `_tracer-data`, a JSON map of the fields of W3C Trace Context. Workers of users join the same trace by it.
/// </summary>
internal static class TraceHeaders
{
    public const string Key = "_tracer-data";

    public static Dictionary<string, Payload> With(IEnumerable<KeyValuePair<string, Payload>>? headers, ActivityContext context)
    {
        var all = headers is null ? [] : new Dictionary<string, Payload>(headers);
        var fields = new Dictionary<string, string> { ["traceparent"] = TraceParent(context) };
        if (!string.IsNullOrEmpty(context.TraceState))
        {
            fields["tracestate"] = context.TraceState;
        }
        all[Key] = new Payload
        {
            Metadata = { ["encoding"] = ByteString.CopyFromUtf8("json/plain") },
            Data = ByteString.CopyFrom(JsonSerializer.SerializeToUtf8Bytes(fields)),
        };
        return all;
    }

    /// <summary>Null where there is no header, or none that can be read: tracing never makes anything fail.</summary>
    public static ActivityContext? Read(IEnumerable<KeyValuePair<string, Payload>>? headers)
    {
        foreach (var (name, payload) in headers ?? [])
        {
            if (name == Key)
            {
                return Read(payload);
            }
        }
        return null;
    }

    /// <summary>The event with the trace at hand in its extension attributes, as CloudEvents' "Distributed Tracing" has it, unless it has one.</summary>
    public static JqValue Stamp(JqValue cloudEvent)
    {
        if (Activity.Current is not { IdFormat: ActivityIdFormat.W3C } current || cloudEvent.Kind != JqKind.Object || !cloudEvent["traceparent"].IsNull)
        {
            return cloudEvent;
        }
        var stamped = cloudEvent.EnumerateObject().Where(attribute => attribute.Key != "traceparent").Append(new("traceparent", TraceParent(current.Context)));
        return JqValue.FromObject(string.IsNullOrEmpty(current.TraceStateString) ? stamped : stamped.Append(new("tracestate", current.TraceStateString)));
    }

    public static string TraceParent(ActivityContext context) =>
        $"00-{context.TraceId}-{context.SpanId}-{((context.TraceFlags & ActivityTraceFlags.Recorded) != 0 ? "01" : "00")}";

    private static ActivityContext? Read(Payload payload)
    {
        try
        {
            using var fields = JsonDocument.Parse(payload.Data.Memory);
            var parent = fields.RootElement.TryGetProperty("traceparent", out var text) ? text.GetString() : null;
            var state = fields.RootElement.TryGetProperty("tracestate", out var more) ? more.GetString() : null;
            return ActivityContext.TryParse(parent, state, isRemote: true, out var context) ? context : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
