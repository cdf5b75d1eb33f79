using System.ComponentModel;
using System.Text;
using Baton.Flows.Model;
using Baton.Flows.Parse;
using Baton.Jq;
using Baton.Server.Audit;
using Baton.Server.Errors;
using Baton.Server.Http;
using Baton.Server.Identity;
using Baton.Server.Runs;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Baton.Server.Flows;

/// <summary>/flows: definitions, their versions, and starting runs of them.</summary>
internal static class FlowEndpoints
{
    private const string Hello = """{"document":{"dsl":"1.0.3","namespace":"default","name":"hello","version":"1.0.0"},"do":[{"greet":{"set":{"text":"hello"}}}]}""";

    public static void MapFlows(this IEndpointRouteBuilder api)
    {
        var flows = api.MapGroup("/flows").WithTags("Flows");
        flows.MapGet("", (
                [Description("Of this namespace only.")] string? ns, [Description("Part of the name or title.")] string? text, FlowStore store, Caller caller, CancellationToken aborted) =>
                ListAsync(ns, text, store, caller, aborted))
            .Describe("listFlows", "List flows by name.").RequirePermission(Permissions.FlowsRead, onFlow: true);
        flows.MapPost("/validate", ValidateAsync).Describe("validateFlow", "Report every problem of a flow, with line and column.", "Nothing is kept.").Example(Hello).Accepts<string>("application/yaml", "application/json").WithMetadata(new OwnBodyMetadata())
            .RequirePermission(Permissions.FlowsRead, onFlow: true).NotAudited("it changes nothing");
        flows.MapPut("/{namespace}/{name}", ApplyAsync).Describe("applyFlow", "Put a definition in force; the same one again changes nothing.", "`If-Match` with the ETag that was read keeps changes of others; `If-None-Match: *` only makes a new flow.")
            .Example(Hello).Produces<FlowApplied>().Produces<FlowApplied>(StatusCodes.Status201Created).Accepts<string>("application/yaml", "application/json").WithMetadata(new OwnBodyMetadata())
            .RequirePermission(Permissions.FlowsWrite, onFlow: true).Audited("flow.apply", "flow/{namespace}/{name}");
        flows.MapGet("/{namespace}/{name}", async (string @namespace, string name, FlowStore store, HttpContext http) =>
                Tagged(http, await store.GetAsync(@namespace, name, "latest", http.RequestAborted)))
            .Describe("getFlow", "Show the definition in force.", "`ETag` names it; with `If-None-Match` the answer is 304 where it is still the same.").Produces<FlowDetail>().RequirePermission(Permissions.FlowsRead, onFlow: true);
        flows.MapDelete("/{namespace}/{name}", DeleteAsync).Describe("deleteFlow", "Take a flow out of force; its runs go on, its versions are kept.")
            .RequirePermission(Permissions.FlowsWrite, onFlow: true).Audited("flow.delete", "flow/{namespace}/{name}");
        flows.MapGet("/{namespace}/{name}/versions", (string @namespace, string name, FlowStore store, CancellationToken aborted) => store.VersionsAsync(@namespace, name, aborted))
            .Describe("listFlowVersions", "List the revisions of a flow, the newest first.").RequirePermission(Permissions.FlowsRead, onFlow: true);
        flows.MapGet("/{namespace}/{name}/versions/{version}", async (string @namespace, string name, [Description("A version, or rN for revision N.")] string version, FlowStore store, HttpContext http) =>
                Tagged(http, await store.GetAsync(@namespace, name, version, http.RequestAborted)))
            .Describe("getFlowVersion", "Show one version of a flow.").Produces<FlowDetail>().RequirePermission(Permissions.FlowsRead, onFlow: true);
        flows.MapGet("/{namespace}/{name}/diagram", DiagramAsync).Describe("drawFlow", "Draw a flow as a Mermaid flowchart or an SVG image.")
            .Produces<string>(contentType: "text/vnd.mermaid", additionalContentTypes: "image/svg+xml").RequirePermission(Permissions.FlowsRead, onFlow: true);
        flows.MapPost("/{namespace}/{name}/runs", StartAsync).Describe("startRun", "Start a run.", "201 as soon as it is started; with `wait` 200 and the run as it is at its end, or when the time is over.")
            .Example("""{"id":"order-17","input":{"order":17}}""").Produces<RunStarted>(StatusCodes.Status201Created).Produces<RunStarted>()
            .RequirePermission(Permissions.RunsStart, onFlow: true).Audited("run.start", "flow/{namespace}/{name}");
    }

    private static async Task<IEnumerable<FlowSummary>> ListAsync(string? ns, string? text, FlowStore store, Caller caller, CancellationToken aborted) =>
        (await store.ListAsync(ns, text, aborted)).Where(flow => caller.May(Permissions.FlowsRead, $"{flow.Namespace}/{flow.Name}"));

    private static async Task<FlowReport> ValidateAsync(HttpContext http, FlowStore store)
    {
        var validation = store.Validate(await BodyAsync(http));
        var document = validation.Definition?.Document;
        return new(validation.IsValid, document?.Namespace, document?.Name, document?.Version, FlowProblem.Of(validation.Problems));
    }

    private static async Task<IResult> ApplyAsync(
        string @namespace, string name, [Description("Only say what would change.")] bool? dryRun,
        [FromHeader(Name = "If-Match")] string? ifMatch, [FromHeader(Name = "If-None-Match")] string? ifNoneMatch, HttpContext http, Caller caller, AuditDraft draft, FlowStore store)
    {
        var (applied, before, tag) = await store.ApplyAsync(@namespace, name, await BodyAsync(http), new(ifMatch, ifNoneMatch), dryRun ?? false, caller.Name, http.RequestAborted);
        (draft.Before, draft.After) = (before, $"sha256:{applied.Hash}");
        draft.Detail = dryRun == true ? "dry run" : $"{applied.Change} revision {applied.Revision}";
        http.Response.Headers.ETag = tag;
        return applied.Change == FlowChange.Created && dryRun != true ? TypedResults.Created($"/api/v1/flows/{@namespace}/{name}", applied) : TypedResults.Ok(applied);
    }

    private static async Task<FlowApplied> DeleteAsync(
        string @namespace, string name, [FromHeader(Name = "If-Match")] string? ifMatch, Caller caller, AuditDraft draft, FlowStore store, CancellationToken aborted)
    {
        var revision = await store.DeleteAsync(@namespace, name, new(ifMatch, null), caller.Name, aborted);
        draft.Before = $"sha256:{revision.Hash}";
        return new(@namespace, name, revision.Version, revision.Number, FlowChange.Deleted, revision.Hash, [], []);
    }

    private static async Task<IResult> DiagramAsync(
        string @namespace, string name, [Description("mermaid (default) or svg.")] string? format, [Description("A version, or rN for revision N; default the one in force.")] string? version,
        FlowStore store, CancellationToken aborted)
    {
        var revision = await store.GetAsync(@namespace, name, version ?? "latest", aborted);
        var flow = FlowReader.Read(revision.Json).Definition!;
        return (format ?? "mermaid") switch
        {
            "mermaid" => TypedResults.Text(FlowDiagram.Mermaid(flow), "text/vnd.mermaid"),
            "svg" => TypedResults.Text(FlowDiagram.Svg(flow), "image/svg+xml"),
            _ => throw new BatonException(ErrorCodes.InvalidInput, $"format must be mermaid or svg, not '{format}'", null, "choose one of them"),
        };
    }

    private static async Task<IResult> StartAsync(
        string @namespace, string name, StartRun? body, [Description("Seconds to wait for the end of the run, at most 60; with it, the answer is 200 and the run as it then is, without its steps if it has ended.")] int? wait,
        HttpContext http, Caller caller, AuditDraft draft, FlowStore store, RunControl control, RunReader reader)
    {
        var flow = await store.GetAsync(@namespace, name, body?.Version ?? "latest", http.RequestAborted);
        var run = await control.StartAsync(flow, body?.Input is { } input ? JqValue.From(input) : JqValue.FromObject([]), body?.Id, Operation.Of(http), caller.Name, http.RequestAborted);
        draft.Run = run.Id;
        if (wait is > 0)
        {
            await control.WaitAsync(run.Id, run.RunId, wait, http.RequestAborted);
            return TypedResults.Ok(RunStarted.Of(await reader.GetAsync(run.Id, null, http.RequestAborted, stepsOfEnded: false)));
        }
        return TypedResults.Created($"/api/v1/runs/{Uri.EscapeDataString(run.Id)}", RunStarted.Of(run));
    }

    private static IResult Tagged(HttpContext http, FlowRevision revision)
    {
        var tag = FlowStore.TagOf(revision);
        http.Response.Headers.ETag = tag;
        return http.Request.Headers.IfNoneMatch.ToString().Split(',', StringSplitOptions.TrimEntries).Contains(tag)
            ? TypedResults.StatusCode(StatusCodes.Status304NotModified)
            : TypedResults.Ok(FlowDetail.Of(revision));
    }

    private static async Task<string> BodyAsync(HttpContext http)
    {
        using var reader = new StreamReader(http.Request.Body, new UTF8Encoding(false, throwOnInvalidBytes: true));
        try
        {
            return await reader.ReadToEndAsync(http.RequestAborted);
        }
        catch (DecoderFallbackException exception)
        {
            throw new BatonException(ErrorCodes.InvalidInput, "the body is not UTF-8", exception.Message, "send the document in UTF-8", exception);
        }
    }
}
