using System.Xml.Linq;

namespace Baton.Architecture.Tests;

/// <summary>The repository that these tests were built from, as files.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <summary>Projects of src/ by name.</summary>
    public static IReadOnlyDictionary<string, XDocument> Projects { get; } =
        Files("src", "*.csproj").ToDictionary(file => Path.GetFileNameWithoutExtension(file), XDocument.Load);

    /// <summary>C# files of src/, relative to the root, with their text.</summary>
    public static IReadOnlyDictionary<string, string> Sources { get; } =
        Files("src", "*.cs").ToDictionary(file => Path.GetRelativePath(Root, file), File.ReadAllText);

    public static IEnumerable<string> Files(string folder, string pattern) =>
        Directory.Exists(Path.Combine(Root, folder))
            ? Directory.EnumerateFiles(Path.Combine(Root, folder), pattern, SearchOption.AllDirectories).Where(file => !IsGenerated(file))
            : [];

    private static bool IsGenerated(string file) =>
        Path.GetRelativePath(Root, file).Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj" or "node_modules" or ".baton" or "Migrations");

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Baton.slnx")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("the tests must run inside the repository");
        }
        return folder;
    }
}
