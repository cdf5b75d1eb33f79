using Baton.Flows.Model;
using Baton.Flows.Parse;
using Baton.Server.Errors;

namespace Baton.Server.Flows;

/// <param name="Path">As it was given, or found.</param>
/// <param name="Text">YAML or JSON.</param>
public sealed record FlowFile(string Path, FlowDocument Document, string Text);

/// <summary>Flows in files.</summary>
public static class FlowFiles
{
    private static readonly string[] Endings = [".yaml", ".yml", ".json"];

    /// <param name="paths">Files, and folders that are searched for them; NAME.test.yaml belongs to `baton flow test` and is left out of a folder.</param>
    /// <exception cref="BatonException">Not all files are flows. Nothing should be done with a part of a folder.</exception>
    public static IReadOnlyList<FlowFile> Read(IEnumerable<string> paths)
    {
        var flows = new List<FlowFile>();
        var problems = new List<string>();
        foreach (var (file, text) in Texts(paths))
        {
            var (flow, found) = FlowReader.Read(text);
            problems.AddRange(found.Where(_ => flow is null).Select(problem => $"{file}:{problem}"));
            if (flow is not null)
            {
                flows.Add(new(file, flow.Document, text));
            }
        }
        problems.AddRange(Twins(flows.Select(flow => (flow.Path, $"{flow.Document.Namespace}/{flow.Document.Name}"))));
        return problems.Count == 0 ? flows : throw Invalid(problems);
    }

    /// <summary>The files as they are.</summary>
    /// <exception cref="BatonException">Not all can be read.</exception>
    public static IReadOnlyList<(string Path, string Text)> Texts(IEnumerable<string> paths)
    {
        var texts = new List<(string, string)>();
        var problems = new List<string>();
        foreach (var file in paths.SelectMany(Find).Distinct())
        {
            try
            {
                texts.Add((file, File.ReadAllText(file)));
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                problems.Add($"{file}: {exception.Message}");
            }
        }
        return problems.Count == 0 ? texts : throw Invalid(problems);
    }

    /// <summary>Files that are of the same flow, as problems: which of them would be in force is chance.</summary>
    public static IEnumerable<string> Twins(IEnumerable<(string Path, string Flow)> flows) =>
        flows.GroupBy(flow => flow.Flow).Where(same => same.Count() > 1).Select(same => $"{string.Join(", ", same.Select(flow => flow.Path))}: each is flow {same.Key}; give each its own document.name, or keep one");

    public static BatonException Invalid(IEnumerable<string> problems) =>
        new(ErrorCodes.InvalidInput, "not all files are valid flows, and none was applied", string.Join('\n', problems), "correct what is named, line by line");

    private static IEnumerable<string> Find(string path) => Directory.Exists(path)
        ? Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories)
            .Where(file => Endings.Contains(Path.GetExtension(file)) && !file.Contains(".test.", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
        : [path];
}
