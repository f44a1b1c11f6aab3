using System.Runtime.Versioning;
using Calico.Linux;
using NUnit.Framework;

namespace Calico.UnitTests.Linux;

[SupportedOSPlatform("linux")]
public class FileLockTests
{
    [Test]
    public void One_holder_at_a_time()
    {
        var path = Path.Combine(Path.GetTempPath(), $"lock-{Guid.NewGuid():N}");
        try
        {
            using (var first = FileLock.TryAcquire(path))
            {
                Assert.That(first, Is.Not.Null);
                Assert.That(FileLock.TryAcquire(path), Is.Null);
                Assert.That(File.GetUnixFileMode(path), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
            }

            using var second = FileLock.TryAcquire(path);
            Assert.That(second, Is.Not.Null);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public void A_folder_that_is_not_there_is_an_error() =>
        Assert.That(Assert.Throws<IOException>(() => FileLock.TryAcquire("/none/such/lock"))!.Message,
            Does.StartWith("lock /none/such/lock"));
}
