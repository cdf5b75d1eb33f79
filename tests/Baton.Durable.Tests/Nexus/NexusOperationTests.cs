using NexusRpc.Handlers;
using Temporalio.Api.Enums.V1;
using Temporalio.Client;
using Temporalio.Exceptions;
using Temporalio.Nexus;
using Xunit;

namespace Baton.Durable.Tests.Nexus;

/// <summary>Nexus operations from a workflow to handlers of a worker, with the official SDK on both sides.</summary>
public sealed class NexusOperationTests : NexusHost
{
    [Fact]
    public async Task A_synchronous_operation_answers_with_its_result()
    {
        var endpoint = await EndpointAsync();
        OperationStartContext? seen = null;
        var handler = new GreeterHandler((context, name) =>
        {
            seen = context;
            return Task.FromResult(OperationStartResult.SyncResult($"Hello, {name}"));
        });

        await RunWorkerAsync(handler, async () =>
        {
            var caller = await CallAsync(new(endpoint) { ScheduleToClose = TimeSpan.FromMinutes(1) });

            Assert.Equal("Hello, Ada", await caller.GetResultAsync());
            Assert.Equal("Greeter", seen!.Service);
            Assert.Equal("temporal://system", seen.CallbackUrl);
            Assert.True(Guid.TryParse(seen.RequestId, out _));
            Assert.EndsWith("ms", seen.Headers!["request-timeout"], StringComparison.Ordinal);
            Assert.EndsWith("ms", seen.Headers["operation-timeout"], StringComparison.Ordinal);
            var link = Assert.Single(seen.InboundLinks);
            Assert.Contains($"/workflows/{caller.Id}/{caller.ResultRunId}/history?eventID=5&eventType=NexusOperationScheduled", link.Uri.ToString(), StringComparison.Ordinal);
            var events = (await caller.FetchHistoryAsync()).Events.Select(item => item.EventType).ToList();
            Assert.Contains(EventType.NexusOperationCompleted, events);
            Assert.DoesNotContain(EventType.NexusOperationStarted, events);
        });
    }

    [Fact]
    public async Task An_asynchronous_operation_ends_with_the_workflow_behind_it()
    {
        var endpoint = await EndpointAsync();

        await RunWorkerAsync(Workflows(), async () =>
        {
            var caller = await CallAsync(new(endpoint));

            Assert.Equal("Hello, Ada", await caller.GetResultAsync());
            var started = await EventAsync(caller, EventType.NexusOperationStarted);
            var link = Assert.Single(started.Links).WorkflowEvent;
            Assert.Equal(1, link.EventRef.EventId);
            var behind = Client.GetWorkflowHandle(link.WorkflowId, link.RunId);
            var callback = Assert.Single((await DescribeAsync(behind)).Callbacks);
            Assert.Equal(CallbackState.Succeeded, callback.State);
            Assert.Equal(1, callback.Attempt);
            var first = await EventAsync(behind, EventType.WorkflowExecutionStarted);
            var back = Assert.Single(Assert.Single(first.WorkflowExecutionStartedEventAttributes.CompletionCallbacks).Links);
            Assert.Empty(first.Links);
            Assert.Equal(caller.Id, back.WorkflowEvent.WorkflowId);
            Assert.Equal(EventType.NexusOperationScheduled, back.WorkflowEvent.EventRef.EventType);
        });
    }

    [Fact]
    public async Task The_callback_follows_the_workflow_that_continues_as_new()
    {
        var endpoint = await EndpointAsync();

        await RunWorkerAsync(Workflows(), async () => Assert.Equal("Hello, Bob", await (await CallAsync(new(endpoint, "again"))).GetResultAsync()));
    }

    [Fact]
    public async Task A_failed_workflow_fails_the_operation_with_its_own_failure()
    {
        var endpoint = await EndpointAsync();

        await RunWorkerAsync(Workflows(), async () =>
        {
            var error = await Assert.ThrowsAsync<WorkflowFailedException>(async () => await (await CallAsync(new(endpoint, "fail"))).GetResultAsync());

            var operation = Assert.IsType<NexusOperationFailureException>(error.InnerException);
            Assert.Equal(endpoint, operation.Endpoint);
            Assert.NotEmpty(operation.OperationToken!);
            Assert.Equal("Grumpy", Assert.IsType<ApplicationFailureException>(operation.InnerException).ErrorType);
        });
    }

    [Fact]
    public async Task A_terminated_workflow_fails_the_operation()
    {
        var endpoint = await EndpointAsync();

        await RunWorkerAsync(Workflows(), async () =>
        {
            var caller = await CallAsync(new(endpoint, "wait"));
            var started = await EventAsync(caller, EventType.NexusOperationStarted);
            var pending = Assert.Single((await DescribeAsync(caller)).PendingNexusOperations);
            Assert.Equal(PendingNexusOperationState.Started, pending.State);
            Assert.Equal(1, pending.Attempt);
            await Client.GetWorkflowHandle(started.Links[0].WorkflowEvent.WorkflowId).TerminateAsync("enough");

            var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => caller.GetResultAsync());
            Assert.IsType<TerminatedFailureException>(Assert.IsType<NexusOperationFailureException>(error.InnerException).InnerException);
        });
    }

    [Fact]
    public async Task Cancelling_the_operation_cancels_the_workflow_behind_it()
    {
        var endpoint = await EndpointAsync();

        await RunWorkerAsync(Workflows(), async () =>
        {
            var caller = await CallAsync(new(endpoint, "wait") { CancelAfterStart = true });

            var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => caller.GetResultAsync());
            Assert.IsType<CanceledFailureException>(Assert.IsType<NexusOperationFailureException>(error.InnerException).InnerException);
            var events = (await caller.FetchHistoryAsync()).Events;
            Assert.Contains(events, item => item.EventType == EventType.NexusOperationCancelRequested);
            Assert.Contains(events, item => item.EventType == EventType.NexusOperationCanceled);
        });
    }

    [Fact]
    public async Task A_refused_cancellation_is_written_and_the_operation_goes_on()
    {
        var endpoint = await EndpointAsync();
        var handler = new GreeterHandler(
            (context, name) => WorkflowStart(context, name),
            _ => throw new HandlerException(HandlerErrorType.NotImplemented, "cannot be cancelled"));

        await RunWorkerAsync(handler, async () =>
        {
            var caller = await CallAsync(new(endpoint, "wait") { CancelAfterStart = true });
            var failed = await EventAsync(caller, EventType.NexusOperationCancelRequestFailed);
            Assert.Equal("NOT_IMPLEMENTED", failed.NexusOperationCancelRequestFailedEventAttributes.Failure.NexusHandlerFailureInfo.Type);
            var started = await EventAsync(caller, EventType.NexusOperationStarted);
            await Client.GetWorkflowHandle(started.Links[0].WorkflowEvent.WorkflowId).SignalAsync((GreetWorkflow workflow) => workflow.EndAsync());

            Assert.Equal("Hello, wait", await caller.GetResultAsync());
        });
    }

    [Fact]
    public async Task A_retryable_handler_error_is_tried_again()
    {
        var endpoint = await EndpointAsync();
        var attempts = 0;
        var handler = new GreeterHandler((_, name) => Interlocked.Increment(ref attempts) == 1
            ? throw new HandlerException(HandlerErrorType.Internal, "not yet")
            : Task.FromResult(OperationStartResult.SyncResult($"Hello, {name}")));

        await RunWorkerAsync(handler, async () => Assert.Equal("Hello, Ada", await (await CallAsync(new(endpoint))).GetResultAsync()));

        Assert.Equal(2, attempts);
    }

    [Fact]
    public async Task A_handler_error_that_is_not_retryable_fails_the_operation()
    {
        var endpoint = await EndpointAsync();
        var handler = new GreeterHandler((_, _) => throw new HandlerException(HandlerErrorType.BadRequest, "bad name"));

        await RunWorkerAsync(handler, async () =>
        {
            var error = await Assert.ThrowsAsync<WorkflowFailedException>(async () => await (await CallAsync(new(endpoint))).GetResultAsync());

            var refused = Assert.IsType<HandlerException>(Assert.IsType<NexusOperationFailureException>(error.InnerException).InnerException);
            Assert.Equal(HandlerErrorType.BadRequest, refused.ErrorType);
        });
    }

    [Fact]
    public async Task An_operation_that_its_handler_fails_is_not_tried_again()
    {
        var endpoint = await EndpointAsync();
        var handler = new GreeterHandler((_, _) => throw NexusRpc.OperationException.CreateFailed("no such person"));

        await RunWorkerAsync(handler, async () =>
        {
            var error = await Assert.ThrowsAsync<WorkflowFailedException>(async () => await (await CallAsync(new(endpoint))).GetResultAsync());

            var operation = Assert.IsType<NexusOperationFailureException>(error.InnerException);
            Assert.Equal("no such person", Assert.IsType<ApplicationFailureException>(operation.InnerException).Message);
        });
    }

    [Fact]
    public async Task Nobody_who_polls_lets_the_operation_time_out()
    {
        var endpoint = await EndpointAsync(queue: "nobody");

        await RunWorkerAsync(handler: null, async () =>
        {
            var error = await Assert.ThrowsAsync<WorkflowFailedException>(async () =>
                await (await CallAsync(new(endpoint) { ScheduleToStart = TimeSpan.FromMilliseconds(300), ScheduleToClose = TimeSpan.FromHours(1) })).GetResultAsync());

            var timeout = Assert.IsType<TimeoutFailureException>(Assert.IsType<NexusOperationFailureException>(error.InnerException).InnerException);
            Assert.Equal(TimeoutType.ScheduleToStart, timeout.TimeoutType);
        });
    }

    [Fact]
    public async Task An_operation_that_runs_too_long_times_out()
    {
        var endpoint = await EndpointAsync();

        await RunWorkerAsync(Workflows(), async () =>
        {
            var error = await Assert.ThrowsAsync<WorkflowFailedException>(async () =>
                await (await CallAsync(new(endpoint, "wait") { StartToClose = TimeSpan.FromMilliseconds(300) })).GetResultAsync());

            var timeout = Assert.IsType<TimeoutFailureException>(Assert.IsType<NexusOperationFailureException>(error.InnerException).InnerException);
            Assert.Equal(TimeoutType.StartToClose, timeout.TimeoutType);
        });
    }

    [Fact]
    public async Task An_unknown_endpoint_fails_the_workflow_task()
    {
        await RunWorkerAsync(Workflows(), async () =>
        {
            var failed = await EventAsync(await CallAsync(new("nowhere")), EventType.WorkflowTaskFailed);

            Assert.Equal(WorkflowTaskFailedCause.BadScheduleNexusOperationAttributes, failed.WorkflowTaskFailedEventAttributes.Cause);
            Assert.Contains("nowhere", failed.WorkflowTaskFailedEventAttributes.Failure.Message, StringComparison.Ordinal);
        });
    }

    private static GreeterHandler Workflows() => new(
        (context, name) => WorkflowStart(context, name),
        context => Behind().CancelAsync(context));

    private static Task<OperationStartResult<string>> WorkflowStart(OperationStartContext context, string name) => Behind().StartAsync(context, name);

    private static IOperationHandler<string, string> Behind() => WorkflowRunOperationHandler.FromHandleFactory<string, string>(
        (context, name) => context.StartWorkflowAsync((GreetWorkflow workflow) => workflow.RunAsync(name), new() { Id = "greet-" + Guid.NewGuid() }));
}
