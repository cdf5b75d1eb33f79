using System.ComponentModel;
using System.Text.Json;
using System.Text.Json.Nodes;
using Baton.Jq;
using Baton.Server.Audit;
using Baton.Server.Errors;
using Baton.Server.Flows;
using Baton.Server.Identity;
using Baton.Server.Runs;
using Baton.Server.Tasks;
using Microsoft.AspNetCore.Http;
using ModelContextProtocol;
using ModelContextProtocol.Server;

namespace Baton.Server.Mcp;

/// <summary>
/// What an agent may do over the Model Context Protocol: the same as its token may do over HTTP, and in the audit under
/// the same names.
/// </summary>
[McpServerToolType]
internal sealed class AgentTools(IHttpContextAccessor http, FlowStore flows, RunReader runs, RunControl control, RunAccess access, TaskStore tasks, AuditLog audit)
{
    private const int Page = 50;

    private HttpContext Http => http.HttpContext!;

    private Caller Caller => Caller.Of(Http);

    [McpServerTool(Name = "list_flows", ReadOnly = true), Description("Lists the flows that can be started.")]
    public Task<IReadOnlyList<FlowSummary>> ListFlowsAsync([Description("Part of the name or title.")] string? text = null) => DoAsync<IReadOnlyList<FlowSummary>>(async () =>
        [.. (await flows.ListAsync(null, text, Http.RequestAborted)).Where(flow => Caller.May(Permissions.FlowsRead, $"{flow.Namespace}/{flow.Name}"))]);

    [McpServerTool(Name = "show_flow", ReadOnly = true), Description("Shows the definition of a flow, with the schema of its input where it has one.")]
    public Task<FlowDetail> ShowFlowAsync([Description("NAMESPACE/NAME.")] string flow) => DoAsync(async () =>
    {
        var (ns, name) = Named(flow, Permissions.FlowsRead);
        return FlowDetail.Of(await flows.GetAsync(ns, name, "latest", Http.RequestAborted));
    });

    [McpServerTool(Name = "start_flow"), Description("Starts a run of a flow. Look at the run with show_run until its status is no longer running or waiting.")]
    public Task<RunSummary> StartFlowAsync([Description("NAMESPACE/NAME.")] string flow, [Description("Input of the flow.")] JsonElement? input = null) => DoAsync(async () =>
    {
        var (ns, name) = Named(flow, Permissions.RunsStart);
        var definition = await flows.GetAsync(ns, name, "latest", Http.RequestAborted);
        var run = await control.StartAsync(definition, input is { ValueKind: not JsonValueKind.Undefined } given ? JqValue.From(given) : JqValue.FromObject([]), null, Guid.CreateVersion7(), Caller.Name, Http.RequestAborted);
        await audit.WriteAsync(new(Caller, "run.start", $"flow/{flow}") { Run = run.Id, Detail = "by an agent" });
        return run;
    });

    [McpServerTool(Name = "list_runs", ReadOnly = true), Description("Lists runs, the newest first.")]
    public Task<RunPage> ListRunsAsync(
        [Description("NAMESPACE/NAME.")] string? flow = null, [Description("running, completed, faulted, cancelled, terminated or timedOut.")] string? status = null, [Description("nextCursor of the page before.")] string? cursor = null) =>
        DoAsync(() =>
        {
            Demand(Permissions.RunsRead);
            return runs.ListAsync(new(flow, null, null, status, null, null, null) { Allowed = Caller.FlowsFor(Permissions.RunsRead) }, Page, cursor, Http.RequestAborted);
        });

    [McpServerTool(Name = "show_run", ReadOnly = true), Description("Shows a run with its input, output, error and steps.")]
    public Task<RunDetail> ShowRunAsync([Description("Id of the run.")] string id) =>
        DoAsync(() => access.WithAsync(Caller, Permissions.RunsRead, id, () => runs.GetAsync(id, null, Http.RequestAborted), Http.RequestAborted));

    [McpServerTool(Name = "list_tasks", ReadOnly = true), Description("Lists open tasks and approvals that the caller may answer.")]
    public Task<IReadOnlyList<TaskView>> ListTasksAsync() => DoAsync<IReadOnlyList<TaskView>>(async () =>
    {
        Demand(Permissions.TasksRead);
        var (items, _) = await tasks.ListAsync(new(0, Page) { State = TaskState.Open, Allowed = Caller.FlowsFor(Permissions.TasksRead), For = TaskActor.Of(Caller) }, Http.RequestAborted);
        return [.. items.Select(TaskView.From)];
    });

    [McpServerTool(Name = "answer_task"), Description("Approves, rejects or completes a task in the caller's name.")]
    public Task<TaskView> AnswerTaskAsync(
        [Description("Id of the task.")] Guid id, [Description("approve, reject or complete.")] string decision, [Description("Why.")] string? comment = null, [Description("What was filled in, where the task has a form.")] JsonElement? data = null) =>
        DoAsync(async () =>
        {
            Demand(Permissions.TasksDecide);
            var vote = decision switch
            {
                "approve" => TaskVote.Approve,
                "reject" => TaskVote.Reject,
                "complete" => TaskVote.Complete,
                _ => throw new BatonException(ErrorCodes.InvalidInput, $"there is no decision '{decision}'", null, "approve, reject or complete"),
            };
            var value = data is { ValueKind: not JsonValueKind.Undefined } given ? JqValue.From(given) : JqValue.Null;
            var task = await tasks.ChangeAsync(
                id,
                step =>
                {
                    Caller.Demand(Permissions.TasksDecide, step.Task);
                    step.Decide(TaskActor.Of(Caller), vote, comment, value);
                },
                Http.RequestAborted);
            await audit.WriteAsync(new(Caller, $"task.{decision}", $"task/{id}") { Run = task.Run, Detail = "by an agent" });
            return TaskView.From(task);
        });

    private (string Namespace, string Name) Named(string flow, string permission)
    {
        Caller.Demand(permission, flow);
        return flow.Split('/') is [var ns, var name] ? (ns, name) : throw new BatonException(ErrorCodes.InvalidInput, $"'{flow}' names no flow", null, "give NAMESPACE/NAME, as list_flows tells it");
    }

    private void Demand(string permission)
    {
        if (!Caller.MaySomewhere(permission))
        {
            throw new BatonException(ErrorCodes.Forbidden, $"{Caller.Name} may not do this", $"it takes {permission}", "ask an administrator for the role");
        }
    }

    /// <summary>Failures that are known are told to the agent, which can act on them.</summary>
    private static async Task<T> DoAsync<T>(Func<Task<T>> act)
    {
        try
        {
            return await act();
        }
        catch (BatonException exception)
        {
            throw new McpException($"{exception.Code}: {exception.Message}{(exception.Cause is { } cause ? $" ({cause})" : "")}. {exception.Remedy}");
        }
        catch (Temporalio.Exceptions.RpcException exception) when (exception.Code == Temporalio.Exceptions.RpcException.StatusCode.NotFound)
        {
            throw new McpException($"{ErrorCodes.NotFound}: there is no such run");
        }
    }
}
