using NexusRpc;
using NexusRpc.Handlers;
using Temporalio.Api.OperatorService.V1;
using Temporalio.Client;
using Temporalio.Worker;
using Temporalio.Workflows;
using Xunit;

namespace Baton.Durable.Tests.Nexus;

[NexusService]
public interface IGreeter
{
    [NexusOperation]
    string Greet(string name);
}

/// <summary>A handler that does what a test says.</summary>
[NexusServiceHandler(typeof(IGreeter))]
public sealed class GreeterHandler(
    Func<OperationStartContext, string, Task<OperationStartResult<string>>> start, Func<OperationCancelContext, Task>? cancel = null)
    : IOperationHandler<string, string>
{
    [NexusOperationHandler]
    public IOperationHandler<string, string> Greet() => this;

    public Task<OperationStartResult<string>> StartAsync(OperationStartContext context, string input) => start(context, input);

    public Task CancelAsync(OperationCancelContext context) => cancel?.Invoke(context) ?? throw new InvalidOperationException("A cancellation came that the test does not expect.");
}

/// <summary>Calls the greeter, as often and with what options its input says.</summary>
[Workflow]
public sealed class CallerWorkflow
{
    [WorkflowRun]
    public async Task<string> RunAsync(CallerInput input)
    {
        var client = Workflow.CreateNexusWorkflowClient<IGreeter>(input.Endpoint);
        using var cancel = new CancellationTokenSource();
        var handle = await client.StartNexusOperationAsync(service => service.Greet(input.Name), new()
        {
            ScheduleToCloseTimeout = input.ScheduleToClose,
            ScheduleToStartTimeout = input.ScheduleToStart,
            StartToCloseTimeout = input.StartToClose,
            CancellationToken = cancel.Token,
            CancellationType = input.CancellationType,
        });
        if (input.CancelAfterStart)
        {
#pragma warning disable CA1849, VSTHRD103 // CancelAsync leaves the workflow's scheduler
            cancel.Cancel();
#pragma warning restore CA1849, VSTHRD103
        }

        return await handle.GetResultAsync();
    }
}

public sealed record CallerInput(string Endpoint, string Name = "Ada")
{
    public TimeSpan? ScheduleToClose { get; init; }
    public TimeSpan? ScheduleToStart { get; init; }
    public TimeSpan? StartToClose { get; init; }
    public bool CancelAfterStart { get; init; }
    public NexusOperationCancellationType CancellationType { get; init; } = NexusOperationCancellationType.WaitCancellationCompleted;
}

/// <summary>What stands behind an asynchronous greeting.</summary>
[Workflow]
public sealed class GreetWorkflow
{
    private bool mayEnd;

    [WorkflowRun]
    public async Task<string> RunAsync(string name)
    {
        switch (name)
        {
            case "fail":
                throw new Temporalio.Exceptions.ApplicationFailureException("no greeting today", errorType: "Grumpy", nonRetryable: true);
            case "wait":
                await Workflow.WaitConditionAsync(() => mayEnd);
                break;
            case "again":
                throw Workflow.CreateContinueAsNewException((GreetWorkflow workflow) => workflow.RunAsync("Bob"));
        }

        return $"Hello, {name}";
    }

    [WorkflowSignal]
    public Task EndAsync()
    {
        mayEnd = true;
        return Task.CompletedTask;
    }
}

/// <summary>A server, a client, and workers that a test starts.</summary>
public abstract class NexusHost : IAsyncLifetime
{
    protected const string Namespace = "default";

    protected DurableServer Server { get; private set; } = null!;

    protected TemporalClient Client { get; private set; } = null!;

    protected virtual DurableServerOptions Options => new();

    protected string Queue { get; } = "q-" + Guid.NewGuid();

    public async ValueTask InitializeAsync()
    {
        Server = await DurableServer.StartAsync(Options, TestContext.Current.CancellationToken);
        Client = await TemporalClient.ConnectAsync(new(Server.Address));
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected async Task<string> EndpointAsync(string name = "greeter", string? queue = null)
    {
        await Client.Connection.OperatorService.CreateNexusEndpointAsync(new CreateNexusEndpointRequest
        {
            Spec = new() { Name = name, Target = new() { Worker = new() { Namespace = Namespace, TaskQueue = queue ?? Queue } } },
        });
        return name;
    }

    protected async Task RunWorkerAsync(GreeterHandler? handler, Func<Task> body)
    {
        var options = new TemporalWorkerOptions(Queue).AddWorkflow<CallerWorkflow>().AddWorkflow<GreetWorkflow>();
        using var worker = new TemporalWorker(Client, handler is null ? options : options.AddNexusService(handler));
        await worker.ExecuteAsync(body, TestContext.Current.CancellationToken);
    }

    protected Task<WorkflowHandle<CallerWorkflow, string>> CallAsync(CallerInput input) =>
        Client.StartWorkflowAsync((CallerWorkflow workflow) => workflow.RunAsync(input), new("caller-" + Guid.NewGuid(), Queue));

    protected Task<Temporalio.Api.WorkflowService.V1.DescribeWorkflowExecutionResponse> DescribeAsync(WorkflowHandle handle) =>
        Client.WorkflowService.DescribeWorkflowExecutionAsync(new() { Namespace = Namespace, Execution = new() { WorkflowId = handle.Id } });

    /// <summary>Waits for a history event without asking again and again.</summary>
    protected static async Task<Temporalio.Api.History.V1.HistoryEvent> EventAsync(WorkflowHandle handle, Temporalio.Api.Enums.V1.EventType type)
    {
        await foreach (var item in handle.FetchHistoryEventsAsync(new() { WaitNewEvent = true }))
        {
            if (item.EventType == type)
            {
                return item;
            }
        }

        throw new InvalidOperationException($"The workflow ended without {type}.");
    }
}
