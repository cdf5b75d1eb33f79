using System.ComponentModel;
using System.Globalization;
using System.Text.RegularExpressions;
using Baton.Server.Errors;
using Baton.Server.Http;
using Baton.Server.Identity;
using Baton.Server.Telemetry.Spans;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Baton.Server.Telemetry;

/// <summary>GET /traces, /traces/TRACEID, /runs/ID/trace.</summary>
internal static partial class TraceEndpoints
{
    private const int MaxLimit = 500;

    public static void MapTraces(this IEndpointRouteBuilder api)
    {
        api.MapGet("/traces", ListAsync).WithTags("Traces").Describe("listTraces", "List traces, the newest first.").RequirePermission(Permissions.TracesRead);
        api.MapGet("/traces/{traceId}", ReadAsync).WithTags("Traces").Describe("getTrace", "Show a trace with its spans.").RequirePermission(Permissions.TracesRead);
        api.MapGet("/runs/{id}/trace", ReadOfRunAsync).WithTags("Traces").Describe("getRunTrace", "Show the trace that a run belongs to.").RequirePermission(Permissions.TracesRead);
    }

    private static async Task<TraceList> ListAsync(SpanStore store, SpanWriter writer, CancellationToken cancel, [Description("1 to 500.")] int limit = 50, [Description("`next` of the page before.")] string? cursor = null)
    {
        var before = long.MaxValue;
        if (limit is < 1 or > MaxLimit || (cursor is not null && !long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out before)))
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"limit must be 1 to {MaxLimit}, and cursor what `next` of a page says", null, "correct the query");
        }
        await writer.WriteAsync(cancel);
        var traces = await store.ListAsync(limit, before, cancel);
        return new([.. traces.Select(TraceListItem.Of)], traces.Count == limit ? traces[^1].StartedNs.ToString(CultureInfo.InvariantCulture) : null);
    }

    private static async Task<TraceDto> ReadAsync(string traceId, SpanStore store, SpanWriter writer, CancellationToken cancel)
    {
        if (!TraceId().IsMatch(traceId))
        {
            throw new BatonException(ErrorCodes.InvalidInput, "a trace id has 32 hexadecimal digits", null, "correct the id; `baton trace list` lists some");
        }
        await writer.WriteAsync(cancel);
        var spans = await store.ReadAsync(traceId.ToLowerInvariant(), cancel);
        return spans.Count > 0 ? TraceDto.Of(spans) : throw new BatonException(
            ErrorCodes.NotFound, $"there is no trace {traceId}", "it never was, was not sampled, or is older than Traces:Retention", "`baton trace list` lists those that are kept");
    }

    private static async Task<TraceDto> ReadOfRunAsync(string id, SpanStore store, SpanWriter writer, CancellationToken cancel)
    {
        await writer.WriteAsync(cancel);
        var trace = await store.TraceOfRunAsync(id, cancel) ?? throw new BatonException(
            ErrorCodes.NotFound, $"no trace of a run {id} is kept", "there is no such run, it was not sampled, or it is older than Traces:Retention", "`baton trace list` lists those that are kept");
        return TraceDto.Of(await store.ReadAsync(trace, cancel));
    }

    [GeneratedRegex("^[0-9a-fA-F]{32}$")]
    private static partial Regex TraceId();
}
