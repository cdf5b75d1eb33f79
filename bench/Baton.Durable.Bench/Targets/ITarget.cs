namespace Baton.Durable.Bench.Targets;

/// <summary>A system that runs the workflows of the bench, with its servers and workers.</summary>
internal interface ITarget : IAsyncDisposable
{
    string Name { get; }

    /// <summary>What keeps the state.</summary>
    IReadOnlyList<int> ServerProcesses { get; }

    /// <summary>Processes beside this one in which workflow code runs. The Temporal SDK's worker runs in this one.</summary>
    IReadOnlyList<int> WorkerProcesses { get; }

    /// <summary>Starts everything; when the task ends, it takes workflows.</summary>
    Task StartAsync();

    /// <summary>Starts one workflow under an id of its own, waits for its end and checks its result.</summary>
    Task RunOneAsync(Scenario scenario);
}
