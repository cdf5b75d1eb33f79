using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Baton.Flows.Hosting;
using Baton.Jq;

namespace Baton.Flows.Calls;

/// <summary>Makes Authorization headers for the five schemes. Tokens of OAuth2 and OIDC are cached until 30 s before they expire.</summary>
internal sealed partial class Authenticator(FlowHost host, EgressHttp http)
{
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, (string Token, DateTimeOffset Expires)> _tokens = new();

    /// <summary>The header for a first request; null for no authentication, and for digest, which waits for a challenge.</summary>
    public async Task<AuthenticationHeaderValue?> HeaderAsync(JqValue authentication, CancellationToken cancellationToken)
    {
        if (authentication.IsNull)
        {
            return null;
        }
        var scheme = authentication["scheme"].GetString();
        var properties = await PropertiesAsync(authentication, cancellationToken);
        return scheme switch
        {
            "basic" => new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Required(properties, "username")}:{Required(properties, "password")}"))),
            "bearer" => new AuthenticationHeaderValue("Bearer", Required(properties, "token")),
            "digest" => null,
            _ => new AuthenticationHeaderValue("Bearer", await TokenAsync(scheme, properties, cancellationToken)),
        };
    }

    /// <summary>Answers a digest challenge (RFC 7616, MD5 or SHA-256, qop auth); null if there is none that it can answer.</summary>
    public async Task<AuthenticationHeaderValue?> AnswerAsync(JqValue authentication, IReadOnlyList<string> challenges, string method, Uri uri, CancellationToken cancellationToken)
    {
        if (authentication.IsNull || authentication["scheme"].GetString() != "digest"
            || challenges.FirstOrDefault(c => c.StartsWith("Digest ", StringComparison.OrdinalIgnoreCase)) is not { } challenge)
        {
            return null;
        }
        var properties = await PropertiesAsync(authentication, cancellationToken);
        var (user, password) = (Required(properties, "username"), Required(properties, "password"));
        var parts = DigestPart().Matches(challenge).ToDictionary(m => m.Groups["name"].Value.ToLowerInvariant(), m => m.Groups["value"].Value.Trim('"'));
        var algorithm = parts.GetValueOrDefault("algorithm", "MD5");
        var (realm, nonce) = (parts.GetValueOrDefault("realm", ""), parts.GetValueOrDefault("nonce", ""));
        var client = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        var path = uri.PathAndQuery;
        var first = Hash(algorithm, $"{user}:{realm}:{password}");
        if (algorithm.EndsWith("-sess", StringComparison.OrdinalIgnoreCase))
        {
            first = Hash(algorithm, $"{first}:{nonce}:{client}");
        }
        var second = Hash(algorithm, $"{method}:{path}");
        var hasQuality = parts.GetValueOrDefault("qop", "").Split(',').Select(q => q.Trim()).Contains("auth");
        var response = Hash(algorithm, hasQuality ? $"{first}:{nonce}:00000001:{client}:auth:{second}" : $"{first}:{nonce}:{second}");
        var header = new StringBuilder($"username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{path}\", algorithm={algorithm}, response=\"{response}\"");
        if (hasQuality)
        {
            header.Append(System.Globalization.CultureInfo.InvariantCulture, $", qop=auth, nc=00000001, cnonce=\"{client}\"");
        }
        if (parts.TryGetValue("opaque", out var opaque))
        {
            header.Append(System.Globalization.CultureInfo.InvariantCulture, $", opaque=\"{opaque}\"");
        }
        return new AuthenticationHeaderValue("Digest", header.ToString());
    }

    /// <summary>Forgets a token that a server refused, so that the next attempt asks for a new one.</summary>
    public async Task ForgetAsync(JqValue authentication, CancellationToken cancellationToken)
    {
        if (!authentication.IsNull && authentication["scheme"].GetString() is "oauth2" or "oidc")
        {
            _tokens.TryRemove(CacheKey(await PropertiesAsync(authentication, cancellationToken)), out _);
        }
    }

    private async Task<JqValue> PropertiesAsync(JqValue authentication, CancellationToken cancellationToken)
    {
        if (!authentication["secret"].TryGetString(out var name))
        {
            return authentication["properties"];
        }
        var secret = await host.Secrets.FindAsync(name, cancellationToken)
            ?? throw new FlowFaultException(FlowErrors.Authorization($"The secret '{name}' does not exist here, or this flow may not use it."));
        return secret.Kind == JqKind.String && authentication["scheme"].GetString() == "bearer" ? JqValue.FromObject([new("token", secret)]) : secret;
    }

    private async Task<string> TokenAsync(string scheme, JqValue properties, CancellationToken cancellationToken)
    {
        var key = CacheKey(properties);
        if (_tokens.TryGetValue(key, out var cached) && cached.Expires - Margin > host.Time.GetUtcNow())
        {
            return cached.Token;
        }
        var authority = Required(properties, "authority").TrimEnd('/');
        var endpoint = scheme == "oidc" ? await DiscoverAsync(authority, cancellationToken) : Endpoint(authority, properties);
        var form = Form(properties);
        var basic = Authenticate(properties, endpoint, form);
        var json = properties["request"]["encoding"].TryGetString(out var encoding) && encoding == "application/json";
        var reply = await http.SendAsync((uri, same) =>
        {
            var request = new HttpRequestMessage(HttpMethod.Post, uri)
            {
                Content = json
                    ? new StringContent(JqValue.FromObject(form.Select(p => KeyValuePair.Create(p.Key, JqValue.From(p.Value)))).ToJson(), Encoding.UTF8, "application/json")
                    : new FormUrlEncodedContent(form),
            };
            request.Headers.Accept.ParseAdd("application/json");
            request.Headers.Authorization = same ? basic : null;
            return request;
        }, endpoint, follow: false, cancellationToken);
        if (reply.Status != 200)
        {
            throw new FlowFaultException(FlowErrors.Authentication($"The token endpoint {endpoint} answered {reply.Status} {reply.Reason}."));
        }
        var answer = HttpContents.ParseJson(reply.Body, $"The answer of the token endpoint {endpoint}");
        if (!answer["access_token"].TryGetString(out var token))
        {
            throw new FlowFaultException(FlowErrors.Authentication($"The token endpoint {endpoint} gave no access_token."));
        }
        CheckIssuer(properties, token);
        var seconds = answer["expires_in"].Kind == JqKind.Number ? answer["expires_in"].GetDouble() : 0;
        _tokens[key] = (token, host.Time.GetUtcNow().AddSeconds(seconds));
        return token;
    }

    private static Uri Endpoint(string authority, JqValue properties)
    {
        var path = properties["endpoints"]["token"].TryGetString(out var given) ? given : "/oauth2/token";
        return Uri.TryCreate(path, UriKind.Absolute, out var absolute) && absolute.Scheme is "http" or "https" ? absolute! : Address($"{authority}/{path.TrimStart('/')}");
    }

    private async Task<Uri> DiscoverAsync(string authority, CancellationToken cancellationToken)
    {
        const string WellKnown = "/.well-known/openid-configuration";
        var address = Address(authority.EndsWith(WellKnown, StringComparison.Ordinal) ? authority : authority + WellKnown);
        var reply = await http.SendAsync(static (uri, _) => new HttpRequestMessage(HttpMethod.Get, uri), address, follow: true, cancellationToken);
        return reply.Status == 200 && HttpContents.ParseJson(reply.Body, $"The OIDC configuration at {address}")["token_endpoint"].TryGetString(out var endpoint)
            ? Address(endpoint)
            : throw new FlowFaultException(FlowErrors.Authentication($"{address} gives no OIDC configuration (status {reply.Status})."));
    }

    private static Dictionary<string, string> Form(JqValue properties)
    {
        var grant = Required(properties, "grant");
        var form = new Dictionary<string, string> { ["grant_type"] = grant };
        void Add(string name, JqValue value)
        {
            if (value.TryGetString(out var text))
            {
                form[name] = text;
            }
        }
        void AddList(string name, JqValue list)
        {
            if (list.Kind == JqKind.Array && list.Count > 0)
            {
                form[name] = string.Join(' ', list.EnumerateArray().Select(v => v.GetString()));
            }
        }
        AddList("scope", properties["scopes"]);
        AddList("audience", properties["audiences"]);
        switch (grant)
        {
            case "password":
                Add("username", properties["username"]);
                Add("password", properties["password"]);
                break;
            case "refresh_token":
                Add("refresh_token", properties["subject"]["token"]);
                break;
            case "authorization_code":
                Add("code", properties["subject"]["token"]);
                break;
            case "urn:ietf:params:oauth:grant-type:token-exchange":
                Add("subject_token", properties["subject"]["token"]);
                Add("subject_token_type", properties["subject"]["type"]);
                Add("actor_token", properties["actor"]["token"]);
                Add("actor_token_type", properties["actor"]["type"]);
                break;
        }
        return form;
    }

    /// <summary>Proves who the client is; in the form, or in the returned header.</summary>
    private AuthenticationHeaderValue? Authenticate(JqValue properties, Uri endpoint, Dictionary<string, string> form)
    {
        var client = properties["client"];
        var id = client["id"].TryGetString(out var given) ? given : null;
        var secret = client["secret"].TryGetString(out given) ? given : null;
        switch (client["authentication"].TryGetString(out var method) ? method : "client_secret_post")
        {
            case "client_secret_basic":
                return new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Uri.EscapeDataString(id ?? "")}:{Uri.EscapeDataString(secret ?? "")}")));
            case "client_secret_jwt":
                form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                form["client_assertion"] = Assertion(id ?? "", secret ?? "", endpoint);
                break;
            case "private_key_jwt":
                form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                form["client_assertion"] = Required(client, "assertion");
                break;
            case "client_secret_post" when secret is not null:
                form["client_secret"] = secret;
                break;
        }
        if (id is not null)
        {
            form["client_id"] = id;
        }
        return null;
    }

    /// <summary>A JWT signed with the client's secret (HS256), good for one minute.</summary>
    private string Assertion(string id, string secret, Uri endpoint)
    {
        var now = host.Time.GetUtcNow().ToUnixTimeSeconds();
        var claims = JqValue.FromObject([new("iss", id), new("sub", id), new("aud", endpoint.AbsoluteUri), new("jti", Guid.NewGuid().ToString()), new("iat", JqValue.From(now)), new("exp", JqValue.From(now + 60))]);
        var content = $"{Base64Url("""{"alg":"HS256","typ":"JWT"}"""u8)}.{Base64Url(claims.ToUtf8Json())}";
        return $"{content}.{Base64Url(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.ASCII.GetBytes(content)))}";
    }

    private static void CheckIssuer(JqValue properties, string token)
    {
        if (properties["issuers"].Kind != JqKind.Array || token.Split('.') is not [_, var payload, _])
        {
            return;
        }
        var padded = payload.Replace('-', '+').Replace('_', '/').PadRight((payload.Length + 3) / 4 * 4, '=');
        var buffer = new byte[padded.Length];
        if (Convert.TryFromBase64String(padded, buffer, out var length)
            && HttpContents.ParseJson(buffer[..length], "The access token")["iss"].TryGetString(out var issuer)
            && !properties["issuers"].EnumerateArray().Any(i => i.TryGetString(out var allowed) && allowed == issuer))
        {
            throw new FlowFaultException(FlowErrors.Authentication($"The access token was issued by '{issuer}', which is not among 'issuers'."));
        }
    }

    private static string CacheKey(JqValue properties) => Convert.ToHexStringLower(SHA256.HashData(properties.ToUtf8Json()));

    private static string Required(JqValue properties, string name) => properties.Kind == JqKind.Object && properties[name].TryGetString(out var text)
        ? text
        : throw new FlowFaultException(FlowErrors.Configuration($"The authentication has no '{name}'."));

    private static Uri Address(string text) => Uri.TryCreate(text, UriKind.Absolute, out var uri) ? uri : throw new FlowFaultException(FlowErrors.Configuration($"'{text}' is not a URI."));

    private static string Base64Url(ReadOnlySpan<byte> bytes) => Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    private static string Hash(string algorithm, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        // MD5 is what most servers of this scheme ask for; it protects nothing but this handshake.
#pragma warning disable CA5351
        return Convert.ToHexStringLower(algorithm.StartsWith("SHA-256", StringComparison.OrdinalIgnoreCase) ? SHA256.HashData(bytes) : MD5.HashData(bytes));
#pragma warning restore CA5351
    }

    [GeneratedRegex("(?<name>[A-Za-z]+)=(?<value>\"[^\"]*\"|[^,\\s]+)")]
    private static partial Regex DigestPart();
}
