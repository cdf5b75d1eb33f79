using System.CommandLine;
using Baton.Server.Errors;
using Temporalio.Api.Common.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Cli.Options;

/// <summary>
/// One workflow (--workflow-id) or all that a query finds (--query). The latter is a batch operation that the server
/// carries out; a person is asked first, and where nobody can be asked --yes is needed.
/// </summary>
internal sealed class BatchSelection
{
    private readonly Option<string?> workflowId = new("--workflow-id", "-w") { Description = "Workflow id." };
    private readonly Option<string?> runId = new("--run-id", "-r") { Description = "Run id (default: the latest run)." };
    private readonly Option<string?> query = new("--query", "-q") { Description = "All workflows that this visibility query finds, as a batch operation." };
    private readonly Option<string?> reason = new("--reason") { Description = "Why, for the record." };
    private readonly Option<bool> yes = new("--yes", "-y") { Description = "Do not ask before a batch operation." };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { workflowId, runId, query, reason, yes })
        {
            command.Options.Add(option);
        }
        command.Validators.Add(result =>
        {
            if (result.GetValue(workflowId) is null == result.GetValue(query) is null)
            {
                result.AddError("Give either --workflow-id or --query");
            }
            if (result.GetValue(runId) is not null && result.GetValue(query) is not null)
            {
                result.AddError("--run-id goes with --workflow-id, not with --query");
            }
        });
    }

    public string Reason(ParseResult parsed) => parsed.GetValue(reason) ?? "";

    /// <summary>Acts on the one workflow, or starts the batch that <paramref name="batch"/> completes.</summary>
    public async Task RunAsync(
        ServerCall call, string done, Func<WorkflowExecution, Task> one, Action<StartBatchOperationRequest> batch)
    {
        if (call.Get(workflowId) is { } id)
        {
            await one(new WorkflowExecution { WorkflowId = id, RunId = call.Get(runId) ?? "" });
            call.Console.Note($"{id}: {done}");
            return;
        }
        var visibilityQuery = call.Get(query)!;
        var count = await call.Service.CountWorkflowExecutionsAsync(new() { Namespace = call.Namespace, Query = visibilityQuery }, call.Rpc);
        Confirm(call, count.Count);
        var request = new StartBatchOperationRequest
        {
            Namespace = call.Namespace,
            JobId = Guid.NewGuid().ToString(),
            VisibilityQuery = visibilityQuery,
            Reason = call.Get(reason) ?? $"baton by {call.Identity}",
        };
        batch(request);
        await call.Service.StartBatchOperationAsync(request, call.Rpc);
        if (call.Console.IsJson)
        {
            call.Console.Json(new System.Text.Json.Nodes.JsonObject { ["batchJobId"] = request.JobId });
            return;
        }
        call.Console.Line(request.JobId);
        call.Console.Note($"batch operation started on about {count.Count} workflows");
    }

    private void Confirm(ServerCall call, long count)
    {
        if (call.Get(yes))
        {
            return;
        }
        if (System.Console.IsInputRedirected)
        {
            throw new BatonException(ErrorCodes.Usage, $"this would act on about {count} workflows", "nobody can be asked here", "add --yes");
        }
        System.Console.Error.Write($"Act on about {count} workflows? y/N ");
        if (System.Console.ReadLine()?.Trim() is not ("y" or "Y" or "yes"))
        {
            throw new OperationCanceledException("not confirmed");
        }
    }
}
