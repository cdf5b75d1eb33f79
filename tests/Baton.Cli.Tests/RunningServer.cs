using Baton.Durable;
using Temporalio.Activities;
using Temporalio.Client;
using Temporalio.Common;
using Temporalio.Exceptions;
using Temporalio.Worker;
using Temporalio.Workflows;

namespace Baton.Cli.Tests;

/// <summary>A server in this process, with a worker for the workflows below, that all tests talk to with the executable.</summary>
public sealed class RunningServer : IAsyncLifetime
{
    public const string TaskQueue = "cli";

    private readonly CancellationTokenSource stop = new();
    private DurableServer server = null!;
    private Task working = Task.CompletedTask;

    internal string Address => server.Address;

    public async ValueTask InitializeAsync()
    {
        server = await DurableServer.StartAsync();
        var client = await TemporalClient.ConnectAsync(new(server.Address));
        var worker = new TemporalWorker(client, new TemporalWorkerOptions(TaskQueue)
            .AddWorkflow<OrderWorkflow>()
            .AddWorkflow<ShippingWorkflow>()
            .AddActivity(Charge));
        working = Task.Run(async () =>
        {
            using (worker)
            {
                await worker.ExecuteAsync(stop.Token);
            }
        });
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await working.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await server.DisposeAsync();
        stop.Dispose();
    }

    internal Task<CliResult> RunAsync(params string[] args) => BatonProcess.RunAsync(args, ("TEMPORAL_ADDRESS", Address));

    /// <summary>Starts an order and answers its id.</summary>
    internal async Task<string> StartOrderAsync(string customer)
    {
        var id = $"order-{Guid.NewGuid():N}";
        (await RunAsync("workflow", "start", "--workflow-id", id, "--type", "OrderWorkflow", "--task-queue", TaskQueue, "--input", $"\"{customer}\"")).Expect(0);
        return id;
    }

    [Activity]
    private static string Charge(string customer) =>
        customer == "broke" ? throw new ApplicationFailureException("no money", "CardDeclined", nonRetryable: true)
        : customer == "unlucky" && ActivityExecutionContext.Current.Info.Attempt == 1 ? throw new ApplicationFailureException("line busy", "Busy")
        : $"charged {customer}";
}

/// <summary>Charges, sends in a child, and waits for the signal `delivered`.</summary>
[Workflow]
public sealed class OrderWorkflow
{
    private readonly List<string> notes = [];
    private string? receivedBy;

    [WorkflowQuery("notes")]
    public IReadOnlyList<string> Notes() => notes;

    [WorkflowSignal("delivered")]
    public Task DeliveredAsync(string by)
    {
        receivedBy = by;
        return Task.CompletedTask;
    }

    [WorkflowUpdate("note")]
    public Task<int> NoteAsync(string text)
    {
        notes.Add(text);
        return Task.FromResult(notes.Count);
    }

    [WorkflowUpdateValidator(nameof(NoteAsync))]
    public void ValidateNote(string text)
    {
        if (text.Length == 0)
        {
            throw new ApplicationFailureException("a note needs words");
        }
    }

    [WorkflowRun]
    public async Task<string> RunAsync(string customer)
    {
        var charged = await Workflow.ExecuteActivityAsync<string>("Charge", [customer], new()
        {
            StartToCloseTimeout = TimeSpan.FromMinutes(1),
            RetryPolicy = new RetryPolicy { InitialInterval = TimeSpan.FromMilliseconds(50) },
        });
        await Workflow.ExecuteChildWorkflowAsync((ShippingWorkflow shipping) => shipping.RunAsync(customer), new() { Id = $"{Workflow.Info.WorkflowId}-shipping" });
        await Workflow.WaitConditionAsync(() => receivedBy is not null);
        return $"{charged}, received by {receivedBy}";
    }
}

[Workflow]
public sealed class ShippingWorkflow
{
    [WorkflowRun]
    public Task RunAsync(string customer) => Workflow.DelayAsync(TimeSpan.FromMilliseconds(10));
}
