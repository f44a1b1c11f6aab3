using System.Collections.Immutable;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Net.Client;

namespace Calico.Datastore.Etcd;

/// <summary>One channel per endpoint, made when first needed; all calls go to one of them until it fails, then to the next.</summary>
/// <remarks>gRPC's own balancers are not used: round robin keeps sending half of the calls to a member that hangs. The lock guards the
/// channels and which one is current.</remarks>
internal sealed class EtcdChannels : IDisposable
{
    // Pages of 500 large policies; etcd's server sends up to 2 GiB.
    private const int MaxMessageBytes = 64 << 20;

    // A peer that died without a word is noticed after the sum. etcd closes the connection of whoever pings more often than every 5 s.
    private static readonly TimeSpan PingDelay = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly EtcdOptions _options;
    private readonly ImmutableArray<EtcdEndpoint> _endpoints;
    private readonly GrpcChannel?[] _channels;
    private int _current;
    private bool _disposed;

    public EtcdChannels(EtcdOptions options)
    {
        _options = options;
        _endpoints = options.Endpoints.IsDefaultOrEmpty ? [] : [.. options.Endpoints.Select(EtcdEndpoint.Parse)];
        if (_endpoints.IsEmpty)
        {
            throw new CalicoException(Problem.Invalid, "no etcd endpoints specified", "etcdEndpoints");
        }

        if (options.CertFile is null != options.KeyFile is null)
        {
            throw new CalicoException(Problem.Invalid, "an etcd certificate needs its key, and a key its certificate", "etcdCertFile");
        }

        _channels = new GrpcChannel?[_endpoints.Length];

        // Files that cannot be read are said now, not at the first call.
        if (_endpoints.Any(e => e.IsTls))
        {
            LoadTls();
        }
    }

    public int Count => _endpoints.Length;

    public EtcdLink Current
    {
        get
        {
            lock (_lock)
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                var index = _current;
                var channel = _channels[index] ??= Open(_endpoints[index]);
                return new EtcdLink(index, _endpoints[index].Text, channel.CreateCallInvoker());
            }
        }
    }

    /// <summary>Goes to the next endpoint, unless another caller has already left the failed one.</summary>
    /// <param name="failed">Where the call failed.</param>
    /// <param name="reopen">Make the failed channel anew next time: its certificates may have been replaced.</param>
    public void Leave(EtcdLink failed, bool reopen)
    {
        lock (_lock)
        {
            if (_current == failed.Index)
            {
                _current = (failed.Index + 1) % _endpoints.Length;
            }

            if (reopen)
            {
                _channels[failed.Index]?.Dispose();
                _channels[failed.Index] = null;
            }
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            foreach (var channel in _channels)
            {
                channel?.Dispose();
            }
        }
    }

    private GrpcChannel Open(EtcdEndpoint endpoint)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = (context, ct) => endpoint.ConnectAsync(context.DnsEndPoint, ct),
            ConnectTimeout = ConnectTimeout,
            EnableMultipleHttp2Connections = true,
            KeepAlivePingDelay = PingDelay,
            KeepAlivePingTimeout = PingTimeout,
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            UseProxy = false,
        };
        if (endpoint.IsTls)
        {
            handler.SslOptions = LoadTls();
        }

        return GrpcChannel.ForAddress(endpoint.Address, new GrpcChannelOptions
        {
            HttpHandler = handler,
            DisposeHttpClient = true,
            MaxReceiveMessageSize = MaxMessageBytes,
            MaxSendMessageSize = null,
        });
    }

    private SslClientAuthenticationOptions LoadTls()
    {
        var ssl = new SslClientAuthenticationOptions();
        try
        {
            if (_options.CaFile is { } ca)
            {
                var authorities = new X509Certificate2Collection();
                authorities.ImportFromPemFile(ca);
                ssl.CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    RevocationMode = X509RevocationMode.NoCheck,
                };
                ssl.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
            }

            if (_options is { CertFile: { } cert, KeyFile: { } key })
            {
                ssl.ClientCertificates = [X509Certificate2.CreateFromPemFile(cert, key)];
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new CalicoException(Problem.Invalid, $"etcd certificates: {error.Message}", "etcdCertFile", error);
        }

        return ssl;
    }
}

/// <summary>The endpoint that a call goes to.</summary>
internal sealed record EtcdLink(int Index, string Endpoint, CallInvoker Invoker);
