using System.Runtime.CompilerServices;

namespace Baton.Conformance.Support;

/// <summary>Places in the working copy that the tests were built from.</summary>
internal static class Repository
{
    private static readonly Lazy<Task<string>> Executable = new(BuildAsync);

    public static string Root { get; } = FindRoot();

    public static string TypeScript { get; } = Path.Combine(Root, "tests", "Baton.Conformance", "typescript");

    /// <summary>The executable that the <c>baton</c> script at the root builds and becomes. It is built once, so that no case waits for the build.</summary>
    public static Task<string> GetExecutableAsync() => Executable.Value;

    private static async Task<string> BuildAsync()
    {
        await ChildProcess.RunAsync(Path.Combine(Root, "baton"), ["version"], Root);
        return Path.Combine(Root, "src", "Baton.Cli", "bin", "Release", "net10.0", "baton");
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
