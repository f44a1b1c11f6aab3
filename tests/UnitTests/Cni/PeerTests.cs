using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text;
using Calico.Shim.Wire;
using NUnit.Framework;

namespace Calico.UnitTests.Cni;

/// <summary>Who may speak to the adapter: the kernel says who connected, whatever the socket file's mode allows.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class PeerTests
{
    private const int Nobody = 65534;

    [TestCase(0, true)]
    [TestCase(Nobody, false)]
    public async Task D_only_root_may_speak_to_the_CNI_socket(int user, bool isServed)
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Assert.Ignore("needs root: it connects as another user");
        }

        await using var cni = new CniHarness();
        await cni.StartAsync();
        OpenToAll(cni.Settings.Socket);
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        ConnectAs(user, socket, cni.Settings.Socket);

        var frame = new ShimRequest(ShimRole.Network, false, [.. CniHarness.Variables("VERSION", "", "", "", "")],
            Encoding.UTF8.GetBytes("{}")).ToFrame();
        await TrySendAsync(socket, frame);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var answered = await TryReceiveAsync(socket, patience.Token);

        Assert.That(answered, isServed ? Is.GreaterThan(0) : Is.Zero, "bytes of an answer");
        Assert.That((await cni.CallAsync("VERSION", "{}")).Output.Length, Is.GreaterThan(0), "others are served all the same");
    }

    /// <summary>The file and the folders above it, so that the mode is not what keeps anybody out.</summary>
    private static void OpenToAll(string path)
    {
        const UnixFileMode All =
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupWrite
            | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
        File.SetUnixFileMode(path, All);
        File.SetUnixFileMode(Path.GetDirectoryName(path)!, All);
    }

    /// <summary>Connects on a thread that is that user for the moment: the system call itself changes one thread, the C library's function
    /// all.</summary>
    private static void ConnectAs(int user, Socket socket, string path)
    {
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                Become(user);
                socket.Connect(new UnixDomainSocketEndPoint(path));
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        Assert.That(failure, Is.Null);
    }

    /// <summary>For good: the thread ends with it.</summary>
    private static void Become(int user)
    {
        // asm-generic/unistd.h has 147, x86's own table 117.
        var setresuid = RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.X64 ? 117 : 147;
        if (SystemCall(setresuid, -1, user, -1) != 0)
        {
            throw new InvalidOperationException($"setresuid: errno {Marshal.GetLastPInvokeError()}");
        }
    }

    private static async Task TrySendAsync(Socket socket, ReadOnlyMemory<byte> frame)
    {
        try
        {
            await socket.SendAsync(frame);
        }
        catch (SocketException)
        {
            // Closed already; whether there is an answer is asked next.
        }
    }

    private static async Task<int> TryReceiveAsync(Socket socket, CancellationToken ct)
    {
        try
        {
            return await socket.ReceiveAsync(new byte[64], ct);
        }
        catch (SocketException)
        {
            return 0;
        }
    }

    [DllImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static extern nint SystemCall(nint number, nint real, nint effective, nint saved);
}
