using Etcdserverpb;
using Grpc.Core;

namespace Calico.Datastore.Etcd;

/// <summary>Calls with what surrounds them: which endpoint, the token, what may be tried again.</summary>
internal sealed class EtcdSession(EtcdOptions options, TimeProvider time) : IDisposable
{
    // A caller that gave up sooner than this says nothing about the endpoint.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly EtcdChannels _channels = new(options);
    private readonly SemaphoreSlim _authenticating = new(1);
    private string? _token;

    /// <summary>A unary call.</summary>
    /// <param name="doing">For the error's text.</param>
    /// <param name="isRead">May be done twice. A write is only sent again when it certainly was not sent.</param>
    /// <param name="call">Makes it.</param>
    /// <param name="ct">The only time limit there is.</param>
    public async Task<T> CallAsync<T>(string doing, bool isRead, Func<CallInvoker, CallOptions, AsyncUnaryCall<T>> call,
        CancellationToken ct)
    {
        // One more than there are endpoints: the first failure may only mean that an idle connection had died.
        var triesLeft = _channels.Count;
        var mayRefresh = true;
        while (true)
        {
            var link = Link();
            var start = time.GetTimestamp();
            string? token = null;
            try
            {
                token = await TokenAsync(link, ct);
                using var pending = call(link.Invoker, Options(token, ct));
                return await pending.ResponseAsync;
            }
            catch (RpcException error)
            {
                if (ct.IsCancellationRequested)
                {
                    if (time.GetElapsedTime(start) > Patience)
                    {
                        Leave(link, error);
                    }

                    ct.ThrowIfCancellationRequested();
                }

                if (mayRefresh && token is not null && EtcdErrors.IsStaleToken(error))
                {
                    mayRefresh = false;
                    ForgetToken(token);
                    continue;
                }

                if (EtcdErrors.IsSilence(error))
                {
                    Leave(link, error);
                    if ((isRead || EtcdErrors.WasNeverSent(error)) && triesLeft-- > 0)
                    {
                        continue;
                    }
                }

                throw EtcdErrors.Map(doing, link.Endpoint, error);
            }
        }
    }

    public EtcdLink Link() => _channels.Current;

    public void Leave(EtcdLink link, RpcException error) => _channels.Leave(link,
        reopen: error.Status.DebugException is HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError });

    public static CallOptions Options(string? token, CancellationToken ct) =>
        new(token is null ? null : new Metadata { { "token", token } }, cancellationToken: ct);

    public void ForgetToken(string token) => Interlocked.CompareExchange(ref _token, null, token);

    /// <summary>The token, or null when there is no user.</summary>
    /// <exception cref="RpcException">etcd does not take the user, or did not answer.</exception>
    public async Task<string?> TokenAsync(EtcdLink link, CancellationToken ct)
    {
        if (options.Username is not { } user)
        {
            return null;
        }

        if (Volatile.Read(ref _token) is { } known)
        {
            return known;
        }

        await _authenticating.WaitAsync(ct);
        try
        {
            if (Volatile.Read(ref _token) is { } fresh)
            {
                return fresh;
            }

            var request = new AuthenticateRequest { Name = user, Password = options.Password?.Reveal() ?? "" };
            var answer = await new Auth.AuthClient(link.Invoker).AuthenticateAsync(request, Options(null, ct));
            Volatile.Write(ref _token, answer.Token);
            return answer.Token;
        }
        catch (RpcException error) when (error.StatusCode == StatusCode.FailedPrecondition)
        {
            // The cluster has authentication switched off: anybody may.
            return null;
        }
        finally
        {
            _authenticating.Release();
        }
    }

    public void Dispose()
    {
        _channels.Dispose();
        _authenticating.Dispose();
    }
}
