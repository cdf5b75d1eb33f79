using Baton.Durable.State;
using Temporalio.Api.TaskQueue.V1;

namespace Baton.Durable.Matching;

/// <summary>What holds for a task queue as a whole, whatever versions of workers its tasks go to.</summary>
internal sealed class TaskQueueSettings
{
    private TaskQueueConfig? config;
    private double? workerRate;

    /// <summary>As set over the API. Never change it in place.</summary>
    public TaskQueueConfig? Config
    {
        get => config;
        set
        {
            config = value;
            Apply();
        }
    }

    /// <summary>What the worker that asked last wants to see of the queue; a rate set over the API goes before it.</summary>
    public double? WorkerRate
    {
        get => workerRate;
        set
        {
            workerRate = value;
            Apply();
        }
    }

    public TaskRateLimiter Limiter { get; } = new();

    /// <summary>Tasks a second of each fairness key, times its weight.</summary>
    public double? RatePerKey => config?.FairnessKeysRateLimitDefault?.RateLimit?.RequestsPerSecond;

    public bool IsRateFromApi => config?.QueueRateLimit?.RateLimit is not null;

    public float WeightOf(TaskRef task)
    {
        if (config is not null && config.FairnessWeightOverrides.TryGetValue(task.FairnessKey, out var weight))
        {
            return Math.Clamp(weight, 0.001f, 1000f);
        }

        return task.FairnessWeight <= 0 ? 1f : Math.Clamp(task.FairnessWeight, 0.001f, 1000f);
    }

    private void Apply() => Limiter.Set(config?.QueueRateLimit?.RateLimit?.RequestsPerSecond ?? workerRate);
}
