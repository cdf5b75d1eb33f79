using System.Collections.Immutable;
using System.Text;
using Baton.Jq.Syntax;

namespace Baton.Jq.Compile;

/// <summary>Asks the host for modules and parses each once.</summary>
internal sealed class ModuleLoader(JqOptions options)
{
    private readonly Dictionary<string, Loaded> _loaded = new(StringComparer.Ordinal);
    private readonly HashSet<string> _loading = new(StringComparer.Ordinal);
    private long _length;

    /// <summary>What each module exports, by origin.</summary>
    public Dictionary<string, Scope?> Scopes { get; } = new(StringComparer.Ordinal);

    public bool IsLoading(string origin) => _loading.Contains(origin);

    public IDisposable Enter(string origin)
    {
        _loading.Add(origin);
        return new Leave(() => _loading.Remove(origin));
    }

    /// <summary>Null where the host knows no such module.</summary>
    public Loaded? Load(ImportAst import, string? importer)
    {
        var search = import.Metadata["search"];
        ImmutableArray<string> places = search.Kind switch
        {
            JqKind.String => [search.GetString()],
            JqKind.Array => [.. search.EnumerateArray().Where(s => s.Kind == JqKind.String).Select(s => s.GetString())],
            _ => [],
        };
        return Load(new(import.Path, places, importer, import.IsData));
    }

    /// <summary><c>modulemeta</c>: the metadata of a module, what it imports and what it defines.</summary>
    public JqValue Metadata(JqValue name)
    {
        if (name.Ref is not string path)
        {
            return Errors.Raise("modulemeta input module name must be a string");
        }

        if (Load(new(path, [], null, false)) is not { } loaded)
        {
            return Errors.Raise($"module not found: {path}");
        }

        var meta = new JqObjectBuilder();
        foreach (var (key, value) in (loaded.Module.Metadata ?? JqValue.From(JqObject.Empty)).EnumerateObject())
        {
            meta.Set(key, value);
        }

        meta.Set("deps", JqValue.FromArray(loaded.Module.Imports.Select(Dependency)));
        meta.Set("defs", JqValue.FromArray(loaded.Module.Functions.Select(f => (JqValue)f.Signature)));
        return JqValue.From(meta.ToObject());
    }

    private static JqValue Dependency(ImportAst import)
    {
        var dependency = new JqObjectBuilder();
        foreach (var (key, value) in import.Metadata.EnumerateObject())
        {
            dependency.Set(key, value);
        }

        if (import.Alias is { } alias)
        {
            dependency.Set("as", alias.TrimStart('$'));
        }

        dependency.Set("is_data", import.IsData);
        dependency.Set("relpath", import.Path);
        return JqValue.From(dependency.ToObject());
    }

    private Loaded? Load(JqModuleRequest request)
    {
        if (options.Modules?.Invoke(request) is not { } module)
        {
            return null;
        }

        var key = (request.IsData ? "$" : "") + module.Origin;
        if (_loaded.TryGetValue(key, out var known))
        {
            return known;
        }

        var source = new SourceText(module.Origin, module.Text);
        _length += module.Text.Length;
        if (_length > options.MaxFilterLength)
        {
            throw source.Failure($"Modules are longer than {options.MaxFilterLength} characters in all", new(0, 1));
        }

        var loaded = request.IsData
            ? new Loaded(module.Origin, source, Empty, Data(source))
            : new Loaded(module.Origin, source, Library(Parser.Parse(source), source), default);
        _loaded.Add(key, loaded);
        return loaded;
    }

    private static readonly ModuleAst Empty = new(null, [], [], null);

    private static ModuleAst Library(ModuleAst module, SourceText source) =>
        module.Body is null ? module : throw source.Failure("library should only have function definitions, not a main expression", module.Body.Span);

    /// <summary>All texts of the module, as an array.</summary>
    private static JqValue Data(SourceText source)
    {
        try
        {
            return JqValue.FromArray(JqValue.ParseMany(Encoding.UTF8.GetBytes(source.Text)));
        }
        catch (JqJsonException e)
        {
            throw source.Failure(e.Message, new(0, 1));
        }
    }

    internal sealed record Loaded(string Origin, SourceText Source, ModuleAst Module, JqValue Data);

    private sealed class Leave(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}
