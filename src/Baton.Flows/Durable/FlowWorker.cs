using Baton.Flows.Hosting;
using Temporalio.Client;
using Temporalio.Worker;

namespace Baton.Flows.Durable;

/// <summary>A worker that runs flows and their calls.</summary>
public sealed class FlowWorker : IDisposable
{
    private readonly FlowActivities _activities;
    private readonly TemporalWorker _worker;

    /// <param name="client">Durable execution: Baton's own, or a Temporal cluster.</param>
    /// <param name="host">What the activities need.</param>
    /// <param name="taskQueue">Default <see cref="FlowWorkflow.TaskQueue"/>.</param>
    public FlowWorker(ITemporalClient client, FlowHost host, string taskQueue = FlowWorkflow.TaskQueue)
    {
        _activities = new FlowActivities(host, client);
        _worker = new TemporalWorker(client, Options(taskQueue));
    }

    /// <summary>Runs until cancelled.</summary>
    public Task ExecuteAsync(CancellationToken cancellationToken) => _worker.ExecuteAsync(cancellationToken);

    /// <summary>Runs until the work is done.</summary>
    public Task<T> ExecuteAsync<T>(Func<Task<T>> work) => _worker.ExecuteAsync(work);

    public void Dispose()
    {
        _worker.Dispose();
        _activities.Dispose();
    }

    private TemporalWorkerOptions Options(string taskQueue)
    {
        var options = new TemporalWorkerOptions(taskQueue).AddWorkflow<FlowWorkflow>().AddWorkflow<FlowScheduleWorkflow>();
        foreach (var definition in _activities.Definitions())
        {
            options.AddActivity(definition);
        }
        return options;
    }
}
