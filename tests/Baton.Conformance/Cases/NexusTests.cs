using NexusRpc;
using NexusRpc.Handlers;
using Temporalio.Api.Nexus.V1;
using Temporalio.Nexus;

namespace Baton.Conformance.Cases;

public class NexusTests(ServerFixture server) : ConformanceTest(server)
{
    [NexusService]
    public interface IDesk
    {
        [NexusOperation]
        string Echo(string input);

        [NexusOperation]
        string Refuse(string input);

        /// <summary>Backed by a <see cref="Letter"/> whose id is the input.</summary>
        [NexusOperation]
        string Post(string workflowId);
    }

    [NexusServiceHandler(typeof(IDesk))]
    public class Desk
    {
        [NexusOperationHandler]
        public IOperationHandler<string, string> Echo() => OperationHandler.Sync<string, string>((_, input) => $"echo {input}");

        [NexusOperationHandler]
        public IOperationHandler<string, string> Refuse() => OperationHandler.Sync<string, string>(string (_, input) => input == "operation"
            ? throw OperationException.CreateFailed("refused")
            : throw new HandlerException(HandlerErrorType.BadRequest, "malformed"));

        [NexusOperationHandler]
        public IOperationHandler<string, string> Post() => WorkflowRunOperationHandler.FromHandleFactory(
            (WorkflowRunOperationContext context, string workflowId) => context.StartWorkflowAsync((Letter wf) => wf.RunAsync(), new() { Id = workflowId }));
    }

    [Workflow]
    public class Letter
    {
        private string? _answer;

        [WorkflowRun]
        public async Task<string> RunAsync()
        {
            await Workflow.WaitConditionAsync(() => _answer is not null);
            return _answer == "fail" ? throw new ApplicationFailureException("lost in the post") : _answer!;
        }

        [WorkflowSignal]
        public Task AnswerAsync(string answer)
        {
            _answer = answer;
            return Task.CompletedTask;
        }
    }

    [Workflow]
    public class Caller
    {
        private readonly CancellationTokenSource _cancel = new();

        [WorkflowRun]
        public async Task<string> RunAsync(string endpoint, string operation, string input)
        {
            try
            {
                var options = new NexusWorkflowOperationOptions { ScheduleToCloseTimeout = TimeSpan.FromSeconds(20), CancellationToken = _cancel.Token };
                return await Workflow.CreateNexusWorkflowClient("Desk", endpoint).ExecuteNexusOperationAsync<string>(operation, input, options);
            }
            catch (NexusOperationFailureException error)
            {
                return $"{error.InnerException?.GetType().Name}: {error.InnerException?.Message}";
            }
        }

        [WorkflowSignal]
        public Task CancelOperationAsync()
        {
            _cancel.Cancel();
            return Task.CompletedTask;
        }
    }

    [Fact]
    public Task A_synchronous_operation_answers_at_once() => WithEndpointAsync(async endpoint =>
    {
        var handle = await StartAsync(endpoint, "Echo", "hi");
        Assert.Equal("echo hi", await handle.GetResultAsync());
        var types = (await EventsAsync(handle)).Select(found => found.EventType).ToList();
        Assert.Contains(EventType.NexusOperationScheduled, types);
        Assert.Contains(EventType.NexusOperationCompleted, types);
        Assert.DoesNotContain(EventType.NexusOperationStarted, types);
    });

    [Fact]
    public Task Failures_reach_the_caller() => WithEndpointAsync(async endpoint =>
    {
        Assert.Contains("refused", await (await StartAsync(endpoint, "Refuse", "operation")).GetResultAsync());
        Assert.StartsWith("HandlerException", await (await StartAsync(endpoint, "Refuse", "handler")).GetResultAsync());
    });

    [Theory]
    [InlineData("delivered", "delivered", EventType.NexusOperationCompleted)]
    [InlineData("fail", "ApplicationFailureException: lost in the post", EventType.NexusOperationFailed)]
    public Task An_operation_backed_by_a_workflow_ends_with_it(string answer, string result, EventType closing) => WithEndpointAsync(async endpoint =>
    {
        var letter = Client.GetWorkflowHandle<Letter>(NewId("letter"));
        var handle = await StartAsync(endpoint, "Post", letter.Id);
        var started = await EventAsync(handle, EventType.NexusOperationStarted);
        Assert.NotEmpty(started.NexusOperationStartedEventAttributes.OperationToken);
        // The two runs are linked to each other.
        Assert.Equal(letter.Id, Assert.Single(started.Links).WorkflowEvent.WorkflowId);
        await letter.SignalAsync(wf => wf.AnswerAsync(answer));
        Assert.Equal(result, await handle.GetResultAsync());
        Assert.Single(await EventsAsync(handle, closing));
    });

    [Fact]
    public Task A_cancelled_operation_cancels_its_workflow() => WithEndpointAsync(async endpoint =>
    {
        var letter = Client.GetWorkflowHandle<Letter>(NewId("letter"));
        var handle = await StartAsync(endpoint, "Post", letter.Id);
        await EventAsync(handle, EventType.NexusOperationStarted);
        await handle.SignalAsync(wf => wf.CancelOperationAsync());
        Assert.StartsWith("CanceledFailureException", await handle.GetResultAsync());
        Assert.Equal(WorkflowExecutionStatus.Canceled, (await letter.DescribeAsync()).Status);
        Assert.Single(await EventsAsync(handle, EventType.NexusOperationCancelRequested));
        Assert.Single(await EventsAsync(handle, EventType.NexusOperationCanceled));
    });

    [Fact]
    public Task A_pending_operation_is_described() => WithEndpointAsync(async endpoint =>
    {
        var letter = Client.GetWorkflowHandle<Letter>(NewId("letter"));
        var handle = await StartAsync(endpoint, "Post", letter.Id);
        await EventAsync(handle, EventType.NexusOperationStarted);
        var pending = Assert.Single((await DescribeRawAsync(handle)).PendingNexusOperations);
        Assert.Equal(endpoint, pending.Endpoint);
        Assert.Equal("Post", pending.Operation);
        Assert.Equal(PendingNexusOperationState.Started, pending.State);
        await handle.TerminateAsync();
        await letter.TerminateAsync();
    });

    [Fact]
    public Task A_client_calls_operations_without_a_workflow() => WithEndpointAsync(async endpoint =>
    {
        var client = Client.CreateNexusClient<IDesk>(endpoint);
        Assert.Equal("echo direct", await client.ExecuteNexusOperationAsync(
            desk => desk.Echo("direct"), new() { Id = NewId("operation"), ScheduleToCloseTimeout = TimeSpan.FromSeconds(20) }));
        var letter = Client.GetWorkflowHandle<Letter>(NewId("letter"));
        var handle = await client.StartNexusOperationAsync(
            desk => desk.Post(letter.Id), new() { Id = NewId("operation"), ScheduleToCloseTimeout = TimeSpan.FromSeconds(20) });
        await Eventually.AssertAsync(async () => Assert.Null(await Record.ExceptionAsync(() => letter.DescribeAsync())));
        await letter.SignalAsync(wf => wf.AnswerAsync("delivered"));
        Assert.Equal("delivered", await handle.GetResultAsync());
    });

    [Workflow]
    public class SignalsWithStart
    {
        [WorkflowRun]
        public async Task<string> RunAsync(string workflowId, string taskQueue)
        {
            var first = await SignalAsync("first");
            var second = await SignalAsync("second");
            return $"{first.Id} {first.RunId == second.RunId}";

            Task<ExternalWorkflowHandle> SignalAsync(string item) => Workflow.SignalWithStartWorkflowAsync(
                (Mailbox wf) => wf.RunAsync(), wf => wf.AddAsync(item), new(workflowId, taskQueue) { IdConflictPolicy = WorkflowIdConflictPolicy.UseExisting });
        }
    }

    [Fact]
    public Task A_workflow_signals_another_with_start() => WithWorkerAsync<SignalsWithStart>(
        async () =>
        {
            var target = Client.GetWorkflowHandle<Mailbox>(NewId("target"));
            var caller = await Client.StartWorkflowAsync((SignalsWithStart wf) => wf.RunAsync(target.Id, TaskQueue), Options());
            Assert.Equal($"{target.Id} True", await caller.GetResultAsync());
            Assert.Equal(["first", "second"], await target.QueryAsync(wf => wf.Received()));
            await target.TerminateAsync();
        },
        options => options.AddWorkflow<Mailbox>());

    [Fact]
    public async Task Endpoints_are_created_updated_listed_and_deleted()
    {
        var spec = Spec(NewId("endpoint"));
        var created = (await Client.OperatorService.CreateNexusEndpointAsync(new() { Spec = spec })).Endpoint;
        Assert.Equal(spec.Name, created.Spec.Name);
        await RpcErrorAsync(RpcException.StatusCode.AlreadyExists, () => Client.OperatorService.CreateNexusEndpointAsync(new() { Spec = spec }));
        spec.Target.Worker.TaskQueue = "other";
        var updated = (await Client.OperatorService.UpdateNexusEndpointAsync(new() { Id = created.Id, Version = created.Version, Spec = spec })).Endpoint;
        Assert.Equal("other", updated.Spec.Target.Worker.TaskQueue);
        Assert.True(updated.Version > created.Version);
        await RpcErrorAsync(RpcException.StatusCode.FailedPrecondition, () => Client.OperatorService.UpdateNexusEndpointAsync(
            new() { Id = created.Id, Version = created.Version, Spec = spec }));
        Assert.Equal(created.Id, Assert.Single((await Client.OperatorService.ListNexusEndpointsAsync(new() { Name = spec.Name })).Endpoints).Id);
        Assert.Equal(updated, (await Client.OperatorService.GetNexusEndpointAsync(new() { Id = created.Id })).Endpoint);
        await Client.OperatorService.DeleteNexusEndpointAsync(new() { Id = updated.Id, Version = updated.Version });
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => Client.OperatorService.GetNexusEndpointAsync(new() { Id = created.Id }));
    }

    private EndpointSpec Spec(string name) => new()
    {
        Name = name,
        Target = new() { Worker = new() { Namespace = ServerFixture.Namespace, TaskQueue = TaskQueue } },
    };

    private Task<WorkflowHandle<Caller, string>> StartAsync(string endpoint, string operation, string input) =>
        Client.StartWorkflowAsync((Caller wf) => wf.RunAsync(endpoint, operation, input), Options());

    private async Task WithEndpointAsync(Func<string, Task> body)
    {
        var endpoint = (await Client.OperatorService.CreateNexusEndpointAsync(new() { Spec = Spec(NewId("endpoint")) })).Endpoint;
        await WithWorkerAsync<Caller>(() => body(endpoint.Spec.Name), options => options.AddWorkflow<Letter>().AddNexusService(new Desk()));
        await Client.OperatorService.DeleteNexusEndpointAsync(new() { Id = endpoint.Id, Version = endpoint.Version });
    }
}
