using NexusRpc.Handlers;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;
using Temporalio.Client;
using Temporalio.Exceptions;
using Temporalio.Nexus;
using Xunit;

namespace Baton.Durable.Tests.Nexus;

/// <summary>Nexus operations that a client starts without a workflow.</summary>
public sealed class StandaloneNexusOperationTests : NexusHost
{
    [Fact]
    public async Task An_operation_runs_and_answers()
    {
        await EndpointAsync();
        OperationStartContext? seen = null;

        await RunWorkerAsync(Handler(context => seen = context), async () =>
        {
            var runId = await StartAsync("o1", "Ada");
            var outcome = await PollAsync("o1", runId, NexusOperationWaitStage.Closed);

            Assert.Equal("\"Hello, Ada\"", outcome.Result.Data.ToStringUtf8());
            Assert.Contains($"/namespaces/default/nexus-operations/o1/{runId}/details", Assert.Single(seen!.InboundLinks).Uri.ToString(), StringComparison.Ordinal);
            var description = await Client.WorkflowService.DescribeNexusOperationExecutionAsync(new() { Namespace = Namespace, OperationId = "o1", IncludeInput = true, IncludeOutcome = true });
            Assert.Equal(NexusOperationExecutionStatus.Completed, description.Info.Status);
            Assert.Equal("\"Ada\"", description.Input.Data.ToStringUtf8());
            Assert.Equal("\"Hello, Ada\"", description.Result.Data.ToStringUtf8());
            var listed = await Client.WorkflowService.ListNexusOperationExecutionsAsync(new() { Namespace = Namespace, Query = "ExecutionStatus = 'Completed' AND Operation = 'Greet'" });
            Assert.Equal("greeter", Assert.Single(listed.Operations).Endpoint);
        });
    }

    [Fact]
    public async Task An_asynchronous_one_is_cancelled_with_the_workflow_behind_it()
    {
        await EndpointAsync();

        await RunWorkerAsync(Handler(), async () =>
        {
            var runId = await StartAsync("o1", "wait");
            var started = await PollAsync("o1", runId, NexusOperationWaitStage.Started);
            Assert.Equal(NexusOperationWaitStage.Started, started.WaitStage);
            Assert.NotEmpty(started.OperationToken);
            await Client.WorkflowService.RequestCancelNexusOperationExecutionAsync(new() { Namespace = Namespace, OperationId = "o1", RequestId = "c", Reason = "enough" });

            var outcome = await PollAsync("o1", runId, NexusOperationWaitStage.Closed);
            Assert.NotNull(outcome.Failure.CanceledFailureInfo);
            var error = await Assert.ThrowsAsync<RpcException>(() => Client.WorkflowService.TerminateNexusOperationExecutionAsync(new() { Namespace = Namespace, OperationId = "o1" }));
            Assert.Equal(RpcException.StatusCode.FailedPrecondition, error.Code);
        });
    }

    [Fact]
    public async Task An_id_in_use_is_refused_and_a_repeated_request_is_not()
    {
        await EndpointAsync();
        var runId = await StartAsync("o1", "Ada", "r1");

        Assert.Equal(runId, await StartAsync("o1", "Ada", "r1"));
        var error = await Assert.ThrowsAsync<RpcException>(() => StartAsync("o1", "Ada", "r2"));
        Assert.Equal(RpcException.StatusCode.AlreadyExists, error.Code);
        await Client.WorkflowService.TerminateNexusOperationExecutionAsync(new() { Namespace = Namespace, OperationId = "o1", Reason = "enough" });
        Assert.NotEqual(runId, await StartAsync("o1", "Ada", "r2"));
        await Client.WorkflowService.DeleteNexusOperationExecutionAsync(new() { Namespace = Namespace, OperationId = "o1" });
        error = await Assert.ThrowsAsync<RpcException>(() => PollAsync("o1", "", NexusOperationWaitStage.Closed));
        Assert.Equal(RpcException.StatusCode.NotFound, error.Code);
    }

    [Fact]
    public async Task An_unknown_endpoint_is_refused()
    {
        var error = await Assert.ThrowsAsync<RpcException>(() => StartAsync("o1", "Ada"));

        Assert.Equal(RpcException.StatusCode.NotFound, error.Code);
    }

    private static GreeterHandler Handler(Action<OperationStartContext>? see = null) => new(
        (context, name) =>
        {
            see?.Invoke(context);
            return name == "wait" ? Behind().StartAsync(context, name) : Task.FromResult(OperationStartResult.SyncResult($"Hello, {name}"));
        },
        context => Behind().CancelAsync(context));

    private static IOperationHandler<string, string> Behind() => WorkflowRunOperationHandler.FromHandleFactory<string, string>(
        (context, name) => context.StartWorkflowAsync((GreetWorkflow workflow) => workflow.RunAsync(name), new() { Id = "greet-" + Guid.NewGuid() }));

    private async Task<string> StartAsync(string id, string name, string requestId = "r") => (await Client.WorkflowService.StartNexusOperationExecutionAsync(new()
    {
        Namespace = Namespace,
        OperationId = id,
        RequestId = requestId,
        Endpoint = "greeter",
        Service = "Greeter",
        Operation = "Greet",
        Input = Client.Options.DataConverter.PayloadConverter.ToPayload(name),
    })).RunId;

    private Task<PollNexusOperationExecutionResponse> PollAsync(string id, string runId, NexusOperationWaitStage stage) =>
        Client.WorkflowService.PollNexusOperationExecutionAsync(new() { Namespace = Namespace, OperationId = id, RunId = runId, WaitStage = stage });
}
