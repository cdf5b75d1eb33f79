namespace Baton.Flows.Tests;

/// <summary>The data of others, read where it is: <c>$BATON_SHARED/data</c>, or <c>../shared/data</c> beside the repository.</summary>
internal static class SharedData
{
    public static string? Ows { get; } = Find();

    /// <summary>Skips the test, naming what is missing, where the data is not there.</summary>
    public static string RequireOws()
    {
        Assert.SkipWhen(Ows is null, "needs ../shared/data/ows (schema, examples and conformance kit of the Open Workflow Specification)");
        return Ows!;
    }

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("BATON_SHARED") is { } given)
        {
            return Existing(Path.Combine(given, "data", "ows"));
        }
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Baton.slnx")))
            {
                return Existing(Path.Combine(folder.FullName, "..", "shared", "data", "ows"));
            }
        }
        return null;
    }

    private static string? Existing(string path) => Directory.Exists(path) ? Path.GetFullPath(path) : null;
}
