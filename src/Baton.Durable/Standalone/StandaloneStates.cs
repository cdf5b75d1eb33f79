using Baton.Durable.Standalone;

namespace Baton.Durable.State;

/// <summary>It has what all executions without a workflow have.</summary>
internal sealed partial class StandaloneActivityState : IStandaloneState;

/// <summary>It has what all executions without a workflow have.</summary>
internal sealed partial class StandaloneNexusOperationState : IStandaloneState;
