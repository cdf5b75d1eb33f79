using System.ComponentModel;
using System.Text.Json.Nodes;
using Baton.Server.Audit;
using Baton.Server.Errors;
using Baton.Server.Http;
using Baton.Server.Identity;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Baton.Server.Runs;

/// <summary>/runs: what happens and happened, of flows and of workflows in code.</summary>
internal static class RunEndpoints
{
    private const int MaxReason = 1000;
    private const string PartDescription = "A part or try of the run; default the last.";

    public static void AddRuns(this IServiceCollection services)
    {
        services.AddSingleton<RunAttributes>();
        services.AddSingleton<RunPayloads>();
        services.AddSingleton<RunReader>();
        services.AddSingleton<RunControl>();
        services.AddSingleton<RunAccess>();
    }

    public static void MapRuns(this IEndpointRouteBuilder api)
    {
        var runs = api.MapGroup("/runs").WithTags("Runs");
        runs.MapGet("", ListAsync).Describe("listRuns", "List runs, the newest first.").RequirePermission(Permissions.RunsRead, onFlow: true);
        runs.MapGet("/{id}", (
                string id, [Description(PartDescription)] string? runId, [Description("Seconds to wait for the end of the run, at most 60.")] int? wait,
                RunAccess access, RunControl control, RunReader reader, Caller caller, CancellationToken aborted) =>
                access.WithAsync(caller, Permissions.RunsRead, Id(id), async () =>
                {
                    await control.WaitAsync(Id(id), runId, wait, aborted);
                    return await reader.GetAsync(Id(id), runId, aborted);
                }, aborted))
            .Describe("getRun", "Show a run with its input, output and steps.").RequirePermission(Permissions.RunsRead, onFlow: true);
        runs.MapGet("/{id}/steps/{number:int}", (string id, int number, [Description(PartDescription)] string? runId, RunAccess access, RunReader reader, Caller caller, CancellationToken aborted) =>
                access.WithAsync(caller, Permissions.RunsRead, Id(id), () => reader.StepAsync(Id(id), runId, number, aborted), aborted))
            .Describe("getRunStep", "Show input and output of a step.").RequirePermission(Permissions.RunsRead, onFlow: true);
        runs.MapGet("/{id}/history", (
                string id, [Description(PartDescription)] string? runId, [Description("1 to 1,000.")] int? limit, [Description("nextCursor of the page before.")] string? cursor, RunAccess access, RunReader reader, Caller caller, CancellationToken aborted) =>
                access.WithAsync(caller, Permissions.RunsRead, Id(id), () => reader.HistoryAsync(Id(id), runId, Paging.Limit(limit, 200, 1000), cursor, aborted), aborted))
            .Describe("getRunHistory", "Read the events of a run, the oldest first.").RequirePermission(Permissions.RunsRead, onFlow: true);
        runs.MapGet("/{id}/export", ExportAsync).Describe("exportRun", "Export a run as one JSON file: run, definition and history.")
            .Produces<JsonObject>().RequirePermission(Permissions.RunsRead, onFlow: true);
        MapAct(runs, "cancel", "Ask a run to cancel; it ends once it has cleaned up.", (control, act) => control.CancelAsync(act));
        MapAct(runs, "terminate", "End a run at once, without clean-up.", (control, act) => control.TerminateAsync(act));
        MapAct(runs, "suspend", "Hold a run before its next task.", (control, act) => control.SuspendAsync(act));
        MapAct(runs, "resume", "Let a suspended run go on.", (control, act) => control.ResumeAsync(act));
        runs.MapPost("/{id}/retry", async (
                string id, [Description(PartDescription)] string? runId, RetryRun? body, HttpContext http, RunAccess access, RunControl control, Caller caller, AuditDraft draft, CancellationToken aborted) =>
            {
                draft.Run = Id(id);
                var act = new RunAct(Id(id), runId, Reason(body?.Reason), Operation.Of(http), aborted);
                return TypedResults.Accepted((string?)null, await access.WithAsync(caller, Permissions.RunsControl, act.Id, () => control.RetryAsync(act, body?.Step, body?.Event), aborted));
            })
            .Describe("retryRun", "Run again from a step; what came before keeps its results.").Example("""{"step":"charge","reason":"the shop is back"}""").RequirePermission(Permissions.RunsControl, onFlow: true).Audited("run.retry", "run/{id}");
    }

    private static void MapAct(RouteGroupBuilder runs, string verb, string summary, Func<RunControl, RunAct, Task> act) =>
        runs.MapPost($"/{{id}}/{verb}", async (
                string id, [Description(PartDescription)] string? runId, RunReason? body, HttpContext http, RunAccess access, RunControl control, RunReader reader, Caller caller, AuditDraft draft, CancellationToken aborted) =>
            {
                draft.Run = Id(id);
                draft.Detail = body?.Reason;
                var given = new RunAct(Id(id), runId, Reason(body?.Reason), Operation.Of(http), aborted);
                return TypedResults.Accepted((string?)null, await access.WithAsync(
                    caller,
                    Permissions.RunsControl,
                    given.Id,
                    async () =>
                    {
                        await act(control, given);
                        return await reader.SummaryAsync((await reader.DescribeAsync(given.Id, runId, aborted)).WorkflowExecutionInfo);
                    },
                    aborted));
            })
            .Describe($"{verb}Run", summary, "202: the run is asked; `GET /api/v1/runs/{id}` tells how it goes on.").Example("""{"reason":"the order was withdrawn"}""").RequirePermission(Permissions.RunsControl, onFlow: true).Audited($"run.{verb}", "run/{id}");

    private static Task<RunPage> ListAsync(
        [Description("NAMESPACE/NAME, or NAMESPACE/*.")] string? flow,
        [Description("Of the flow.")] string? version,
        [Description("Workflow type.")] string? type,
        [Description("running, completed, faulted, cancelled, terminated or timedOut.")] string? status,
        [Description("Started at or after.")] DateTimeOffset? since,
        [Description("Started before.")] DateTimeOffset? until,
        [Description("Beginning of the id, the flow or the type.")] string? text,
        [Description("1 to 200.")] int? limit,
        [Description("nextCursor of the page before.")] string? cursor,
        RunReader reader,
        Caller caller,
        CancellationToken aborted) =>
        reader.ListAsync(new(flow, version, type, status, since, until, text) { Allowed = caller.FlowsFor(Permissions.RunsRead) }, Paging.Limit(limit, 50, 200), cursor, aborted);

    private static Task<IResult> ExportAsync(
        string id, [Description(PartDescription)] string? runId, RunAccess access, RunReader reader, IOptions<JsonOptions> json, Caller caller, CancellationToken aborted) =>
        access.WithAsync(caller, Permissions.RunsRead, Id(id), async () =>
        {
            // Read before the answer begins, so that an unknown run is still told as such.
            var run = await reader.GetAsync(Id(id), runId, aborted);
            return Results.Stream(output => reader.ExportAsync(run, output, json.Value.SerializerOptions, aborted), "application/json", "run.json");
        }, aborted);

    // The server leaves %2F in paths as it is; ids of workflows in code may have a slash.
    private static string Id(string id) => id.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);

    private static string? Reason(string? reason) => reason is { Length: > MaxReason }
        ? throw new BatonException(ErrorCodes.InvalidInput, $"reason may have {MaxReason} characters", null, "shorten it")
        : reason;
}
