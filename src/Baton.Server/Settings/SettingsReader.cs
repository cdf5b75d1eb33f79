using System.Globalization;
using System.Reflection;
using Baton.Server.Errors;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Baton.Server.Settings;

/// <summary>A value in force, and where it is from: default, a file, an environment variable, or the command line.</summary>
/// <param name="Key">Sections and name, joined by colons.</param>
/// <param name="Value">As a person would write it; stars for a secret, null when there is none.</param>
public sealed record SettingValue(string Key, string? Value, string Source, string Description, bool IsSecret);

/// <param name="Values">Every setting there is, in the order of the tree.</param>
public sealed record SettingsResult(BatonSettings Settings, IReadOnlyList<SettingValue> Values, IReadOnlyList<string> Problems)
{
    /// <exception cref="BatonException">There are problems; all are named.</exception>
    public BatonSettings Checked() => Problems.Count == 0
        ? Settings
        : throw new BatonException(
            ErrorCodes.InvalidSettings, Problems.Count == 1 ? "a setting is wrong" : $"{Problems.Count} settings are wrong", string.Join('\n', Problems),
            "correct the keys that are named; `baton config show` lists every setting with its meaning");
}

/// <summary>
/// Fills <see cref="BatonSettings"/> from, the later winning: files (YAML or JSON), variables BATON_SECTION__NAME, and
/// SECTION:NAME=VALUE of the command line. Letter case of keys does not matter. All problems are found at once.
/// </summary>
public sealed class SettingsReader
{
    /// <summary>Source of what nobody has set.</summary>
    public const string Default = "default";

    private const string VariablePrefix = "BATON_";

    private readonly Dictionary<string, (string Text, string Source)> given = new(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<string> used = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<SettingValue> values = [];
    private readonly List<string> problems = [];

    /// <param name="file">YAML or JSON: a mapping of sections.</param>
    public SettingsReader AddFile(string file)
    {
        try
        {
            using var reader = new StreamReader(file);
            var yaml = new YamlStream();
            yaml.Load(reader);
            if (yaml.Documents.Count > 0)
            {
                AddNode(yaml.Documents[0].RootNode, file);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or YamlException)
        {
            problems.Add($"{file}: {exception.Message}");
        }
        return this;
    }

    /// <param name="node">A mapping of sections, from a file that holds other things as well.</param>
    public SettingsReader AddNode(YamlNode node, string source)
    {
        Flatten(node, "", source);
        return this;
    }

    public SettingsReader AddVariables(IEnumerable<KeyValuePair<string, string>> variables)
    {
        foreach (var (name, text) in variables)
        {
            // Variables of other meaning (BATON_URL, BATON_TOKEN...) have no section.
            if (name.StartsWith(VariablePrefix, StringComparison.OrdinalIgnoreCase) && name.Contains("__", StringComparison.Ordinal))
            {
                given[name[VariablePrefix.Length..].Replace("__", ":", StringComparison.Ordinal)] = (text, $"variable {name}");
            }
        }
        return this;
    }

    public SettingsReader Add(IEnumerable<KeyValuePair<string, string>> pairs, string source)
    {
        foreach (var (key, text) in pairs)
        {
            given[key] = (text, source);
        }
        return this;
    }

    public SettingsResult Read()
    {
        var settings = new BatonSettings();
        Fill(settings, "");
        problems.AddRange(given.Where(entry => !used.Contains(entry.Key)).Select(entry => $"{entry.Key} ({entry.Value.Source}): there is no such setting{Nearest(entry.Key)}"));
        return new(settings, values, problems);
    }

    private void Fill(object section, string prefix)
    {
        foreach (var property in section.GetType().GetProperties())
        {
            var key = prefix + property.Name;
            if (property.GetCustomAttribute<SettingAttribute>() is { } setting)
            {
                FillValue(section, property, key, setting);
            }
            else
            {
                Fill(property.GetValue(section)!, key + ":");
            }
        }
        if (section is ICheckedSettings checkedSection)
        {
            problems.AddRange(checkedSection.Problems().Select(problem => $"{prefix}{problem.Name}{From(prefix + problem.Name)}: {problem.Problem}"));
        }
    }

    private void FillValue(object section, PropertyInfo property, string key, SettingAttribute setting)
    {
        var source = Default;
        if (given.TryGetValue(key, out var entry))
        {
            used.Add(key);
            source = entry.Source;
            Set(entry.Text, key, entry.Source);
        }
        else if (Items(key) is { Count: > 0 } items)
        {
            source = items[0].Source;
            Set(string.Join(',', items.Select(item => item.Text)), key, source);
        }
        var value = Format(property.GetValue(section));
        values.Add(new(key, setting.IsSecret && value is not null ? "***" : value, source, setting.Description, setting.IsSecret));

        void Set(string text, string name, string from)
        {
            if (Parse(text, property.PropertyType, out var parsed, out var form))
            {
                property.SetValue(section, parsed);
            }
            else
            {
                problems.Add($"{name} ({from}): must be {form}{(setting.IsSecret ? "" : $", not '{text}'")}");
            }
        }
    }

    // A list in a file is KEY:0, KEY:1...; elsewhere it is written with commas.
    private List<(string Text, string Source)> Items(string key)
    {
        var items = new List<(string, string)>();
        for (var i = 0; given.TryGetValue($"{key}:{i}", out var item); i++)
        {
            used.Add($"{key}:{i}");
            items.Add(item);
        }
        return items;
    }

    private static bool Parse(string text, Type type, out object? value, out string form)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        (value, form) = type switch
        {
            _ when type == typeof(string) => ((object?)text, "a text"),
            _ when type == typeof(bool) => (bool.TryParse(text, out var flag) ? flag : null, "true or false"),
            _ when type == typeof(ushort) => (ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) ? port : null, "0 to 65535"),
            _ when type == typeof(int) => (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null, "a whole number"),
            _ when type == typeof(long) => (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var large) ? large : null, "a whole number"),
            _ when type == typeof(double) => (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var real) && double.IsFinite(real) ? real : null, "a number"),
            _ when type == typeof(TimeSpan) => (Durations.TryParse(text, out var duration) ? duration : null, "a duration such as 90s, 5m, 1h30m or 2d"),
            _ when type == typeof(Uri) => (Uri.TryCreate(text, UriKind.Absolute, out var uri) ? uri : null, "an absolute address"),
            _ when type == typeof(IReadOnlyList<string>) => (text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries), "a list"),
            _ when type.IsEnum => (Enum.TryParse(type, text, ignoreCase: true, out var word) && Enum.IsDefined(type, word) ? word : null, $"one of {string.Join(", ", Enum.GetNames(type))}"),
            _ => throw new InvalidOperationException($"Settings cannot hold a {type}."),
        };
        return value is not null;
    }

    private static string? Format(object? value) => value switch
    {
        null => null,
        TimeSpan duration => Durations.Format(duration),
        IReadOnlyList<string> list => string.Join(',', list),
        bool flag => flag ? "true" : "false",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture),
    };

    private void Flatten(YamlNode node, string key, string source)
    {
        switch (node)
        {
            case YamlMappingNode mapping:
                foreach (var (name, child) in mapping.Children)
                {
                    Flatten(child, key.Length == 0 ? $"{name}" : $"{key}:{name}", source);
                }
                break;
            case YamlSequenceNode sequence:
                for (var i = 0; i < sequence.Children.Count; i++)
                {
                    Flatten(sequence.Children[i], $"{key}:{i}", source);
                }
                break;
            case YamlScalarNode { Value: { } text } when key.Length > 0:
                given[key] = (text, $"{source}, line {node.Start.Line}");
                break;
            default:
                problems.Add($"{source}, line {node.Start.Line}: must be a mapping of sections");
                break;
        }
    }

    private string From(string key) => given.TryGetValue(key, out var entry) ? $" ({entry.Source})" : "";

    private string Nearest(string key)
    {
        var name = key[(key.LastIndexOf(':') + 1)..];
        var alike = values.FirstOrDefault(value => value.Key.EndsWith(":" + name, StringComparison.OrdinalIgnoreCase));
        return alike is null ? "" : $"; {alike.Key} is one";
    }
}
