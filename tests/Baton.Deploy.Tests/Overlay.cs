using k8s;
using k8s.Models;
using YamlDotNet.RepresentationModel;

namespace Baton.Deploy.Tests;

/// <summary>A Kustomize overlay with its base: each file read by the official client's strict reader, patches apart.</summary>
internal sealed class Overlay
{
    private readonly List<object> objects = [];
    private readonly List<IKubernetesObject> patches = [];

    public static string Root { get; } = FindRoot();

    public static Overlay Read(string name)
    {
        var overlay = new Overlay();
        overlay.Add(Path.Combine(Root, "deploy", "kubernetes", "overlays", name));
        return overlay;
    }

    public IReadOnlyList<IKubernetesObject> Patches => patches;

    public IEnumerable<IKubernetesObject> Objects => objects.Cast<IKubernetesObject>();

    public T Single<T>() => objects.OfType<T>().Single();

    public T? Patch<T>()
        where T : class => patches.OfType<T>().SingleOrDefault();

    /// <summary>Environment variables as the container gets them from the settings, secrets apart.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Settings() =>
        [.. Single<V1ConfigMap>().Data.Concat(Patch<V1ConfigMap>()?.Data ?? Enumerable.Empty<KeyValuePair<string, string>>())];

    private void Add(string folder)
    {
        var file = Path.Combine(folder, "kustomization.yaml");
        using var reader = new StreamReader(file);
        var yaml = new YamlStream();
        yaml.Load(reader);
        var root = (YamlMappingNode)yaml.Documents[0].RootNode;
        var named = new HashSet<string> { file };
        foreach (var entry in Strings(root, "resources"))
        {
            var path = Path.GetFullPath(Path.Combine(folder, entry));
            if (Directory.Exists(path))
            {
                Add(path);
            }
            else
            {
                objects.AddRange(Load(path));
                named.Add(path);
            }
        }
        if (root.Children.TryGetValue("patches", out var list))
        {
            foreach (var path in ((YamlSequenceNode)list).Select(patch => Path.GetFullPath(Path.Combine(folder, ((YamlMappingNode)patch).Children["path"].ToString()))))
            {
                patches.AddRange(Load(path).Cast<IKubernetesObject>());
                named.Add(path);
            }
        }
        Assert.Empty(Directory.EnumerateFiles(folder, "*.yaml").Except(named));
    }

    private static IEnumerable<object> Load(string path) => KubernetesYaml.LoadAllFromString(File.ReadAllText(path), strict: true);

    private static IEnumerable<string> Strings(YamlMappingNode root, string key) =>
        root.Children.TryGetValue(key, out var list) ? ((YamlSequenceNode)list).Select(item => item.ToString()) : [];

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Baton.slnx")))
        {
            folder = Path.GetDirectoryName(folder)!;
        }
        return folder;
    }
}
