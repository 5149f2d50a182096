from tajo.store.database import Database
def test_x(empty_url):
    d=Database(empty_url); d.migrate(); d.migrate(); d.close()
def test_y(database):
    assert database
