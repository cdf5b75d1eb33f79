extern alias protoparser;

using System.Text.RegularExpressions;
using Baton.Jq;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using ParsedSet = protoparser::Google.Protobuf.Reflection.FileDescriptorSet;

namespace Baton.Flows.Calls;

/// <summary>
/// Turns the text of a .proto file into descriptors, with what it imports: google/protobuf/* comes with the parser, any
/// other file is fetched beside the file that is called.
/// </summary>
internal static partial class ProtoFiles
{
    private const int MaxFiles = 64;

    /// <param name="uri">Where the first file is.</param>
    /// <param name="fetch">Gives the text behind a URI, under the policy.</param>
    /// <exception cref="FlowFaultException">A file cannot be fetched, or is not valid.</exception>
    public static async Task<IReadOnlyList<FileDescriptor>> LoadAsync(string uri, Func<string, Task<string>> fetch)
    {
        var folder = uri[..(uri.LastIndexOfAny(['/', ':']) + 1)];
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        var open = new Queue<string>([uri[folder.Length..]]);
        while (open.TryDequeue(out var name))
        {
            if (texts.ContainsKey(name))
            {
                continue;
            }
            if (texts.Count == MaxFiles)
            {
                throw new FlowFaultException(FlowErrors.Configuration($"{uri} imports more than {MaxFiles} files."));
            }
            texts[name] = await fetch(folder + name);
            foreach (var import in Import().Matches(texts[name]).Select(m => m.Groups["path"].Value).Where(p => !p.StartsWith("google/protobuf/", StringComparison.Ordinal)))
            {
                open.Enqueue(import);
            }
        }
        return Build(uri, uri[folder.Length..], texts);
    }

    private static List<FileDescriptor> Build(string uri, string first, Dictionary<string, string> texts)
    {
        var set = new ParsedSet { FileSystem = new Fetched(texts) };
        set.AddImportPath("");
        set.Add(first, includeInOutput: true, new StringReader(texts[first]));
        set.Process();
        var errors = set.GetErrors().Where(e => e.IsError).Select(e => $"{e.File}:{e.LineNumber}:{e.ColumnNumber}: {e.Message}").ToList();
        if (errors.Count > 0)
        {
            throw new FlowFaultException(FlowErrors.Configuration($"{uri} is not a valid proto file: {string.Join("; ", errors.Take(5))}"));
        }
        set.ApplyFileDependencyOrder();
        // The parser's descriptors go over in their serialized form to the library that knows presence, packing and JSON names.
        using var bytes = new MemoryStream();
        set.Serialize(ParsedSet.Serializer, bytes, includeImports: true);
        try
        {
            return [.. FileDescriptor.BuildFromByteStrings(FileDescriptorSet.Parser.ParseFrom(bytes.ToArray()).File.Select(file => file.ToByteString()))];
        }
        catch (Exception error) when (error is DescriptorValidationException or ArgumentException or InvalidProtocolBufferException)
        {
            throw new FlowFaultException(FlowErrors.Configuration($"{uri} is not a valid proto file: {error.Message}"));
        }
    }

    [GeneratedRegex("""^\s*import\s+(public\s+|weak\s+)?"(?<path>[^"]+)"\s*;""", RegexOptions.Multiline)]
    private static partial Regex Import();

    private sealed class Fetched(Dictionary<string, string> texts) : protoparser::Google.Protobuf.Reflection.IFileSystem
    {
        public bool Exists(string path) => texts.ContainsKey(path);

        public TextReader OpenText(string path) => new StringReader(texts[path]);
    }
}
