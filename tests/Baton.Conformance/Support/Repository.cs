using System.Runtime.CompilerServices;

namespace Baton.Conformance.Support;

/// <summary>Places in the working copy that the tests were built from.</summary>
internal static class Repository
{
    private static readonly Lazy<Task<string>> Executable = new(BuildAsync);

    public static string Root { get; } = FindRoot();

    public static string TypeScript { get; } = Path.Combine(Root, "tests", "Baton.Conformance", "typescript");

    /// <summary>
    /// The <c>baton</c> script at the root, after its build: what a person runs from a clone. It builds at most once, so that no case pays for it.
    /// </summary>
    public static Task<string> GetExecutableAsync() => Executable.Value;

    private static async Task<string> BuildAsync()
    {
        var path = Path.Combine(Root, "baton");
        await ChildProcess.RunAsync(path, ["version"], Root);
        return path;
    }

    private static string FindRoot([CallerFilePath] string source = "")
    {
        var folder = Path.GetDirectoryName(source);
        while (folder is not null && !File.Exists(Path.Combine(folder, "Baton.slnx")))
        {
            folder = Path.GetDirectoryName(folder);
        }
        return folder ?? throw new DirectoryNotFoundException($"No Baton.slnx above {source}.");
    }
}
