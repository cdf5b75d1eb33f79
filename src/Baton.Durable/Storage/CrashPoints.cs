namespace Baton.Durable.Storage;

/// <summary>The places of storage where a test may have the process killed; see <see cref="CrashTesting.CrashPoint"/>.</summary>
internal static class CrashPoints
{
    /// <summary>The batch is written, its transaction not committed.</summary>
    public const string BeforeCommit = "before-commit";

    /// <summary>The batch is on disk, nobody was told.</summary>
    public const string AfterCommit = "after-commit";

    /// <summary>The write-ahead log is being folded into the main file.</summary>
    public const string DuringCheckpoint = "during-checkpoint";

    /// <summary>Rows of a deleted run are gone from the open transaction.</summary>
    public const string DuringRetention = "during-retention";
}
