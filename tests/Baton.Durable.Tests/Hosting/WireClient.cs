using System.Buffers.Binary;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Google.Protobuf;

namespace Baton.Durable.Tests.Hosting;

/// <summary>gRPC written out by hand over HTTP/2, so that tests decide on every byte.</summary>
internal sealed class WireClient : IDisposable
{
    private readonly HttpClient http;

    public WireClient(string address, X509Certificate2? trusted = null, X509Certificate2? own = null)
    {
        var ssl = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = (_, shown, _, _) => shown!.GetCertHashString() == trusted?.GetCertHashString() };
        if (own is not null)
        {
            ssl.ClientCertificates = [own];
        }
        http = new HttpClient(new SocketsHttpHandler { SslOptions = ssl }) { BaseAddress = new Uri($"{(trusted is null ? "http" : "https")}://{address}") };
    }

    public Task<WireAnswer> CallAsync(string path, IMessage request, string? bearer = null, bool gzip = false) =>
        SendAsync(path, gzip ? Gzip(request.ToByteArray()) : request.ToByteArray(), gzip, bearer);

    public async Task<WireAnswer> SendAsync(string path, byte[] body, bool compressed = false, string? bearer = null, string? timeout = null, CancellationToken cancellationToken = default)
    {
        var frame = new byte[5 + body.Length];
        frame[0] = compressed ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), (uint)body.Length);
        body.CopyTo(frame.AsSpan(5));
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new ByteArrayContent(frame),
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        if (compressed)
        {
            request.Headers.Add("grpc-encoding", "gzip");
        }
        if (bearer is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        }
        if (timeout is not null)
        {
            request.Headers.Add("grpc-timeout", timeout);
        }
        using var response = await http.SendAsync(request, cancellationToken);
        var answer = await response.Content.ReadAsByteArrayAsync();
        return new WireAnswer(
            int.Parse(Read("grpc-status"), System.Globalization.CultureInfo.InvariantCulture),
            Uri.UnescapeDataString(Read("grpc-message")),
            Read("grpc-status-details-bin"),
            answer.Length > 5 ? answer[5..] : [],
            Read("grpc-encoding"));

        string Read(string name) => Find(response.TrailingHeaders, name) ?? Find(response.Headers, name) ?? "";
    }

    public void Dispose() => http.Dispose();

    private static string? Find(HttpHeaders headers, string name) => headers.TryGetValues(name, out var values) ? string.Join(",", values) : null;

    private static byte[] Gzip(byte[] bytes)
    {
        using var into = new MemoryStream();
        using (var gzip = new GZipStream(into, CompressionLevel.Fastest))
        {
            gzip.Write(bytes);
        }
        return into.ToArray();
    }
}

internal sealed record WireAnswer(int Status, string Message, string DetailsBase64, byte[] Body, string Encoding)
{
    public byte[] Details => Convert.FromBase64String(DetailsBase64.PadRight((DetailsBase64.Length + 3) / 4 * 4, '='));

    public T Read<T>() where T : IMessage<T>, new() => new MessageParser<T>(() => new T()).ParseFrom(Body);
}
