using Google.Protobuf.Collections;

namespace Baton.Durable.State;

/// <summary>What a run waits for, wherever it stands on disk.</summary>
internal sealed partial class ExecutionState
{
    public MapField<long, ActivityState> Activities => (Pending ??= new PendingState()).Activities;

    public MapField<string, TimerState> Timers => (Pending ??= new PendingState()).Timers;

    public MapField<long, ChildState> Children => (Pending ??= new PendingState()).Children;

    public MapField<long, NexusOperationState> NexusOperations => (Pending ??= new PendingState()).NexusOperations;
}
