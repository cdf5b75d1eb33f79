namespace Baton.Flows;

/// <summary>Ids of log events, 3100 to 3199; none is given a second meaning.</summary>
internal static class EventIds
{
    public const int FlowLog = 3100;
    public const int CallFailed = 3101;
}
