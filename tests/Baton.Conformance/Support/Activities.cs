namespace Baton.Conformance.Support;

/// <summary>Activities that many cases share.</summary>
public static class SharedActivities
{
    [Activity]
    public static string Greet(string name) => $"Hello, {name}!";

    [Activity]
    public static void FailUntilAttempt(int attempt)
    {
        if (ActivityExecutionContext.Current.Info.Attempt < attempt)
        {
            throw new ApplicationFailureException($"attempt {ActivityExecutionContext.Current.Info.Attempt}", "NotYet");
        }
    }
}
