using System.ComponentModel;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Baton.Jq;
using Baton.Server.Audit;
using Baton.Server.Errors;
using Baton.Server.Events;
using Baton.Server.Events.Http;
using Baton.Server.Events.Log;
using Baton.Server.Flows;
using Baton.Server.Identity;
using Baton.Server.Runs;
using Baton.Server.Tasks;
using Microsoft.AspNetCore.Http;
using ModelContextProtocol.Server;

namespace Baton.Server.Mcp;

/// <summary>
/// What an agent may do over the Model Context Protocol: the same as its token may do over HTTP, and in the audit under
/// the same names.
/// </summary>
[McpServerToolType]
internal sealed class AgentTools(IHttpContextAccessor http, FlowStore flows, RunReader runs, RunControl control, RunAccess access, TaskStore tasks, IEventLog events, EventIntake intake, AuditLog audit, TimeProvider time)
{
    private const int Page = 50;

    private HttpContext Http => http.HttpContext!;

    private Caller Caller => Caller.Of(Http);

    [McpServerTool(Name = "list_flows", ReadOnly = true), Description("Lists the flows that can be started.")]
    public async Task<IReadOnlyList<FlowSummary>> ListFlowsAsync([Description("Part of the name or title.")] string? text = null)
    {
        Demand(Permissions.FlowsRead, onFlow: true);
        return [.. (await flows.ListAsync(null, text, Http.RequestAborted)).Where(flow => Caller.May(Permissions.FlowsRead, $"{flow.Namespace}/{flow.Name}"))];
    }

    [McpServerTool(Name = "show_flow", ReadOnly = true), Description("Shows the definition of a flow, with the schema of its input where it has one.")]
    public async Task<FlowDetail> ShowFlowAsync([Description("NAMESPACE/NAME.")] string flow) => FlowDetail.Of(await FindFlowAsync(flow, Permissions.FlowsRead));

    [McpServerTool(Name = "start_flow"), Description("Starts a run of a flow. Look at the run with show_run until its status is no longer running or waiting.")]
    public Task<RunSummary> StartFlowAsync([Description("NAMESPACE/NAME.")] string flow, [Description("Input of the flow.")] JsonElement? input = null) => AuditedAsync("run.start", $"flow/{flow}", async () =>
    {
        var definition = await FindFlowAsync(flow, Permissions.RunsStart);
        var run = await control.StartAsync(definition, Given(input) is { } given ? JqValue.From(given) : JqValue.FromObject([]), null, Guid.CreateVersion7(), Caller.Name, Http.RequestAborted);
        return (run, run.Id);
    });

    [McpServerTool(Name = "list_runs", ReadOnly = true), Description("Lists runs, the newest first.")]
    public Task<RunPage> ListRunsAsync(
        [Description("NAMESPACE/NAME.")] string? flow = null,
        [Description("running, completed, faulted, cancelled, terminated or timedOut.")] string? status = null,
        [Description("nextCursor of the page before.")] string? cursor = null)
    {
        Demand(Permissions.RunsRead, onFlow: true);
        return runs.ListAsync(new(flow, null, null, status, null, null, null) { Allowed = Caller.FlowsFor(Permissions.RunsRead) }, Page, cursor, Http.RequestAborted);
    }

    [McpServerTool(Name = "show_run", ReadOnly = true), Description("Shows a run with its input, output, error and steps.")]
    public Task<RunDetail> ShowRunAsync([Description("Id of the run.")] string id) =>
        access.WithAsync(Caller, Permissions.RunsRead, id, () => runs.GetAsync(id, null, Http.RequestAborted), Http.RequestAborted);

    [McpServerTool(Name = "list_tasks", ReadOnly = true), Description("Lists open tasks and approvals that the caller may answer.")]
    public async Task<IReadOnlyList<TaskView>> ListTasksAsync()
    {
        Demand(Permissions.TasksRead, onFlow: true);
        var (items, _) = await tasks.ListAsync(new(0, Page) { State = TaskState.Open, Allowed = Caller.FlowsFor(Permissions.TasksRead), For = TaskActor.Of(Caller) }, Http.RequestAborted);
        return [.. items.Select(TaskView.From)];
    }

    [McpServerTool(Name = "answer_task"), Description("Approves, rejects or completes a task in the caller's name.")]
    public Task<TaskView> AnswerTaskAsync(
        [Description("Id of the task.")] Guid id,
        [Description("approve, reject or complete.")] string decision,
        [Description("Why.")] string? comment = null,
        [Description("What was filled in, where the task has a form.")] JsonElement? data = null)
    {
        var vote = decision switch
        {
            "approve" => TaskVote.Approve,
            "reject" => TaskVote.Reject,
            "complete" => TaskVote.Complete,
            _ => throw new BatonException(ErrorCodes.InvalidInput, $"there is no decision '{decision}'", null, "give approve, reject or complete"),
        };
        return AuditedAsync($"task.{decision}", $"task/{id}", async () =>
        {
            Demand(Permissions.TasksDecide, onFlow: true);
            var value = Given(data) is { } given ? JqValue.From(given) : JqValue.Null;
            var task = await tasks.ChangeAsync(
                id,
                step =>
                {
                    Caller.Demand(Permissions.TasksDecide, step.Task);
                    step.Decide(TaskActor.Of(Caller), vote, TaskEndpoints.Comment(comment), value);
                },
                Http.RequestAborted);
            return (TaskView.From(task), task.Run);
        });
    }

    [McpServerTool(Name = "list_events", ReadOnly = true), Description("Lists events of the log, the newest first.")]
    public Task<EventPage> ListEventsAsync(
        [Description("Pattern of types: words between dots, * for any one, > at the end for all that follows.")] string? type = null,
        [Description("Whole source.")] string? source = null,
        [Description("Whole subject.")] string? subject = null,
        [Description("`next` of the page before.")] long? from = null)
    {
        Demand(Permissions.EventsRead);
        return new EventSearch(new(type, source, subject, null), from, null, null).FindAsync(events, Page, Http.RequestAborted);
    }

    // Not in the audit, as over HTTP: the log of events is their record.
    [McpServerTool(Name = "publish_event"), Description("Publishes a CloudEvent. Flows that listen for it start, or go on.")]
    public async Task<EventReceipt> PublishEventAsync(
        [Description("Words with dots between them, as shop.order.placed.")] string type,
        [Description("URI reference of what the event comes from.")] string source,
        [Description("Any JSON.")] JsonElement? data = null,
        [Description("What of the source it is about.")] string? subject = null,
        [Description("Unique in the source: an event that is known is not published again. Default: a new one.")] string? id = null)
    {
        Demand(Permissions.EventsPublish);
        var json = new JsonObject
        {
            ["specversion"] = "1.0",
            ["id"] = id ?? Guid.CreateVersion7().ToString(),
            ["source"] = source,
            ["type"] = type,
            ["time"] = time.GetUtcNow().ToString("O", CultureInfo.InvariantCulture),
        };
        if (subject is not null)
        {
            json["subject"] = subject;
        }
        if (Given(data) is { } given)
        {
            json["data"] = JsonNode.Parse(given.GetRawText());
        }
        if (!CloudEvent.TryParse(JsonSerializer.SerializeToUtf8Bytes(json), out var parsed, out var problems))
        {
            throw new BatonException(ErrorCodes.InvalidEvent, "this is no valid CloudEvent", string.Join("; ", problems), "correct what is named");
        }
        var receipt = (await intake.TakeAsync([parsed], Caller.Name, Http.RequestAborted))[0];
        return new(parsed.Id, parsed.Source, receipt.Offset, receipt.Duplicate);
    }

    private static JsonElement? Given(JsonElement? value) => value is { ValueKind: not JsonValueKind.Undefined } ? value : null;

    private async Task<FlowRevision> FindFlowAsync(string flow, string permission)
    {
        Caller.Demand(permission, flow);
        return flow.Split('/') is [var ns, var name]
            ? await flows.GetAsync(ns, name, "latest", Http.RequestAborted)
            : throw new BatonException(ErrorCodes.InvalidInput, $"'{flow}' names no flow", null, "give NAMESPACE/NAME, as list_flows tells it");
    }

    /// <param name="permission">What it takes.</param>
    /// <param name="onFlow">Whether a grant on a flow is enough: then the tool itself shows only what belongs to the caller's flows.</param>
    private void Demand(string permission, bool onFlow = false)
    {
        if (!(onFlow ? Caller.MaySomewhere(permission) : Caller.May(permission)))
        {
            throw new BatonException(ErrorCodes.Forbidden, $"{Caller.Name} may not do this", $"it takes {permission}", "ask an administrator for the role");
        }
    }

    /// <summary>Records what was done, and what was refused.</summary>
    private async Task<T> AuditedAsync<T>(string action, string target, Func<Task<(T Result, string? Run)>> act)
    {
        try
        {
            var (result, run) = await act();
            await audit.WriteAsync(new(Caller, action, target) { Run = run, Detail = "by an agent" });
            return result;
        }
        catch (BatonException exception)
        {
            await audit.WriteAsync(new(Caller, action, target) { Outcome = AuditOutcome.Refused, Detail = $"by an agent: {exception.Code} {exception.Message}" });
            throw;
        }
    }
}
