using System.Text.RegularExpressions;
using Baton.Server.Errors;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Baton.Server.Projects;

/// <summary>
/// Reads a project folder. With baton.yaml:
/// <code>
/// name: shop                       # default: the folder's name
/// server: { port: 7233, namespace: default }
/// settings:                        # of the server, see docs/settings.md
///   Http: { Url: "http://127.0.0.1:7280" }
/// flows: [flows]                   # files and folders; put in force at each start (default: the folder flows, if it is there)
/// prepare:                         # in order, before anything starts
///   - dotnet build worker -c Release
/// processes:
///   worker:
///     run: worker/bin/Release/net10.0/worker      # a string for /bin/sh, or a list
///     folder: .                                   # default: the project's
///     environment: { QUEUE: shop }
///     when: .baton/release                        # start once this path exists
///     ready: http://127.0.0.1:8080/healthz        # ready once this answers 2xx
/// next:
///   - say: Place an order
///     run: baton workflow start ...
/// </code>
/// ${NAME} and ${NAME:-default} in any string stand for environment variables. Without baton.yaml, a single .NET
/// project or a package.json with a `start` script in the folder is built and run, and any other folder is a server alone. All problems are reported at once.
/// </summary>
public sealed partial class ProjectReader
{
    public const string FileName = "baton.yaml";

    private readonly string folder;
    private readonly string file;
    private readonly Func<string, string?> variable;
    private readonly List<(Mark At, string Text)> problems = [];

    private ProjectReader(string folder, Func<string, string?> variable)
    {
        this.folder = folder;
        this.variable = variable;
        file = Path.Combine(folder, FileName);
    }

    /// <param name="path">The project's folder.</param>
    /// <param name="variable">Looks a variable up that `${NAME}` names.</param>
    /// <exception cref="BatonException">There is no project, or it has problems.</exception>
    public static Project Read(string path, Func<string, string?> variable)
    {
        var folder = Path.GetFullPath(path);
        if (!Directory.Exists(folder))
        {
            throw new BatonException(ErrorCodes.NoProject, $"there is no folder {folder}", null, "name a project folder: baton up PATH");
        }
        var reader = new ProjectReader(folder, variable);
        var project = File.Exists(reader.file) ? reader.ReadFile() : reader.Guess();
        return reader.problems.Count == 0
            ? project
            : throw new BatonException(
                ErrorCodes.InvalidProject, $"{reader.file} has {reader.problems.Count} problem(s)", reader.Problems(), "correct the lines that are named");
    }

    private Project ReadFile()
    {
        var root = Load();
        Check(root, "the document", "name", "server", "settings", "flows", "prepare", "processes", "next");
        var server = Mapping(root, "server");
        Check(server, "server", "port", "namespace");
        var processes = Mapping(root, "processes");
        return new Project(
            Text(root, "name") ?? Path.GetFileName(folder),
            folder,
            Port(server),
            Text(server, "namespace") ?? "default",
            [.. Sequence(root, "prepare").Select(node => Command(node, folder, new Dictionary<string, string>()))],
            [.. processes.Children.Select(entry => Process(((YamlScalarNode)entry.Key).Value!, entry.Value))],
            [.. Sequence(root, "next").Select(Hint)])
        {
            Settings = Child<YamlMappingNode>(root, "settings", "a mapping"),
            Flows = root.Children.ContainsKey("flows") ? [.. Sequence(root, "flows").Select(FlowPath)] : UsualFlows(),
        };
    }

    private YamlMappingNode Load()
    {
        try
        {
            var stream = new YamlStream();
            using var reader = new StreamReader(file);
            stream.Load(reader);
            if (stream.Documents is [{ RootNode: YamlMappingNode root }])
            {
                return root;
            }
            problems.Add((new Mark(0, 1, 1), "the file must hold one mapping"));
        }
        catch (YamlException exception)
        {
            problems.Add((exception.Start, exception.Message));
        }
        return [];
    }

    private ProjectProcess Process(string name, YamlNode node)
    {
        if (node is not YamlMappingNode process)
        {
            process = [];
            Problem(node, $"process {name} must be a mapping with `run`");
        }
        Check(process, $"process {name}", "run", "folder", "environment", "when", "ready");
        if (!ProcessName().IsMatch(name))
        {
            Problem(node, $"process name {name} may have letters, digits, - and _ only");
        }
        var environment = Mapping(process, "environment").Children
            .ToDictionary(entry => ((YamlScalarNode)entry.Key).Value!, entry => Scalar(entry.Value, "a value of environment"), StringComparer.Ordinal);
        var ready = Text(process, "ready");
        if (!Uri.TryCreate(ready, UriKind.Absolute, out var readyUri) && ready is not null)
        {
            Problem(process.Children["ready"], "`ready` must be an http address");
        }
        var runFolder = Path.Combine(folder, Text(process, "folder") ?? "");
        if (!process.Children.TryGetValue("run", out var run))
        {
            Problem(node, $"process {name} has no `run`");
            run = new YamlScalarNode("");
        }
        return new ProjectProcess(
            name,
            Command(run, runFolder, environment),
            Text(process, "when") is { } when ? Path.Combine(folder, when) : null,
            readyUri);
    }

    private ProjectCommand Command(YamlNode node, string runFolder, IReadOnlyDictionary<string, string> environment) => new(
        node is YamlSequenceNode list
            ? [.. list.Select(item => Scalar(item, "an argument"))]
            : ["/bin/sh", "-c", Scalar(node, "a command")],
        runFolder,
        environment);

    private ProjectHint Hint(YamlNode node)
    {
        if (node is not YamlMappingNode hint)
        {
            Problem(node, "an entry of `next` must have `say` and `run`");
            return new("", "");
        }
        Check(hint, "an entry of `next`", "say", "run");
        return new(Text(hint, "say") ?? "", Text(hint, "run") ?? "");
    }

    private string FlowPath(YamlNode node)
    {
        var path = Path.Combine(folder, Scalar(node, "an entry of `flows`"));
        if (!Path.Exists(path))
        {
            Problem(node, $"there is no file or folder {path}");
        }
        return path;
    }

    private string[] UsualFlows() => Path.Combine(folder, "flows") is var usual && Directory.Exists(usual) ? [usual] : [];

    private ushort Port(YamlMappingNode server)
    {
        var text = Text(server, "port");
        if (text is null)
        {
            return Project.DefaultPort;
        }
        if (!ushort.TryParse(text, out var port))
        {
            Problem(server.Children["port"], $"`port` must be 0 to 65535, not {text}");
        }
        return port;
    }

    private Project Guess()
    {
        var name = Path.GetFileName(folder);
        if (Directory.GetFiles(folder, "*.csproj") is [var csproj])
        {
            return Single(name, $"dotnet build \"{csproj}\" -c Release -v q --nologo", ["dotnet", "run", "-c", "Release", "--no-build", "--project", csproj]);
        }
        if (File.Exists(Path.Combine(folder, "package.json")))
        {
            return Single(name, "npm install --no-audit --no-fund", ["npm", "start"]);
        }
        // Flows and events need no process of the project's own.
        return new Project(name, folder, Project.DefaultPort, "default", [], [], []) { Flows = UsualFlows() };
    }

    private Project Single(string name, string prepare, IReadOnlyList<string> run)
    {
        var nothing = new Dictionary<string, string>();
        return new Project(
            name, folder, Project.DefaultPort, "default",
            [new ProjectCommand(["/bin/sh", "-c", prepare], folder, nothing)],
            [new ProjectProcess("worker", new ProjectCommand(run, folder, nothing), null, null)],
            []);
    }

    private void Check(YamlMappingNode node, string what, params string[] keys)
    {
        foreach (var key in node.Children.Keys.OfType<YamlScalarNode>().Where(key => !keys.Contains(key.Value)))
        {
            Problem(key, $"{what} knows no `{key.Value}`; it takes {string.Join(", ", keys)}");
        }
    }

    private YamlMappingNode Mapping(YamlMappingNode parent, string key) => Child<YamlMappingNode>(parent, key, "a mapping") ?? [];

    private IEnumerable<YamlNode> Sequence(YamlMappingNode parent, string key) => Child<YamlSequenceNode>(parent, key, "a list") ?? [];

    private string? Text(YamlMappingNode parent, string key) =>
        parent.Children.TryGetValue(key, out var node) ? Scalar(node, $"`{key}`") : null;

    private T? Child<T>(YamlMappingNode parent, string key, string form)
        where T : YamlNode
    {
        if (!parent.Children.TryGetValue(key, out var node))
        {
            return null;
        }
        if (node is not T typed)
        {
            Problem(node, $"`{key}` must be {form}");
            return null;
        }
        return typed;
    }

    private string Scalar(YamlNode node, string what)
    {
        if (node is not YamlScalarNode { Value: { } text })
        {
            Problem(node, $"{what} must be a text");
            return "";
        }
        return Reference().Replace(text, match =>
        {
            var name = match.Groups["name"].Value;
            if (Value(name) is { Length: > 0 } value)
            {
                return value;
            }
            if (!match.Groups["default"].Success)
            {
                Problem(node, $"the variable {name} is not set; give it, or a default: ${{{name}:-default}}");
            }
            return match.Groups["default"].Value;
        });
    }

    // What the project's processes will have as well.
    private string? Value(string name) => name switch
    {
        "BATON_PROJECT" => folder,
        "BATON_DATA" => Path.Combine(folder, ".baton"),
        _ => variable(name),
    };

    private void Problem(YamlNode node, string text) => problems.Add((node.Start, text));

    private string Problems() => string.Join('\n', problems
        .OrderBy(problem => problem.At)
        .Select(problem => $"line {problem.At.Line}, column {problem.At.Column}: {problem.Text}"));

    [GeneratedRegex(@"\$\{(?<name>[A-Za-z_][A-Za-z0-9_]*)(?<fallback>:-(?<default>[^}]*))?\}")]
    private static partial Regex Reference();

    [GeneratedRegex("^[A-Za-z0-9_-]+$")]
    private static partial Regex ProcessName();
}
