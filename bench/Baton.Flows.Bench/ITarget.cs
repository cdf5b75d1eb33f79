namespace Baton.Flows.Bench;

/// <summary>Something that runs the flow of the bench: takes a number, adds to it in three steps, and answers.</summary>
internal interface ITarget : IAsyncDisposable
{
    string Name { get; }

    /// <summary>Processes whose CPU time counts.</summary>
    IReadOnlyList<int> Processes { get; }

    Task StartAsync();

    /// <summary>Starts one run and waits for its answer.</summary>
    Task RunAsync();
}
